/** One run of the load generator, bench/loadgen. */

export interface Load {
  readonly workload: "create" | "update" | "get" | "list" | "pages" | "watch" | "ready";
  readonly prefix: string;
  readonly clients: number;
  readonly connections: number;
  readonly total: number;
  readonly keys?: number;
  readonly watchers?: number;
  /** When the server was started; for `ready`. */
  readonly sinceMs?: number;
  /** No operation begins after this time. */
  readonly maxTimeMs?: number;
}

/** The load generator's line; in watch loads an operation is an event that was delivered. */
export interface LoadResult {
  readonly ok: number;
  readonly errors: number;
  readonly firstError?: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Null, as memory is, where the system does not tell. */
  readonly cpuUsPerOp: number | null;
  /** When the load had ended, in 10⁶ bytes. */
  readonly rssMb: number | null;
  readonly peakRssMb: number | null;
}

export interface LoadTarget {
  readonly loadgen: string;
  readonly address: string;
  readonly pid: number;
  readonly valueBytes: number;
}

/** A store of 100,000 keys takes the slowest peer minutes. */
const DEFAULT_MAX_TIME_MS = 300_000;

/** @throws {Error} with what the load generator said, if it could not run the load. */
export async function runLoad(target: LoadTarget, load: Load): Promise<LoadResult> {
  const flags = {
    endpoint: target.address,
    pid: target.pid,
    size: target.valueBytes,
    workload: load.workload,
    prefix: load.prefix,
    clients: load.clients,
    conns: load.connections,
    total: load.total,
    keys: load.keys ?? load.total,
    watchers: load.watchers ?? 1,
    since: load.sinceMs ?? 0,
    "max-time": `${load.maxTimeMs ?? DEFAULT_MAX_TIME_MS}ms`,
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const { success, stdout, stderr } = await new Deno.Command(target.loadgen, {
    args: [...args, "--json"],
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr).trim());
  // The load generator was built from the source beside this file; result.go has the same fields.
  return JSON.parse(decoder.decode(stdout)) as LoadResult;
}
