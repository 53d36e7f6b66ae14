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
  /** When to begin; at once if it is not given. */
  readonly startAtMs?: number;
  /** No operation begins after this time. */
  readonly maxTimeMs?: number;
  /** Of whom no usage is told, because a load at the same time tells it. */
  readonly untold?: readonly ("server" | "database")[];
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
  /** Of the database server with all of its processes. */
  readonly dbCpuUsPerOp: number | null;
  /** When the load had ended, in 10⁶ bytes. */
  readonly rssMb: number | null;
  readonly peakRssMb: number | null;
}

export interface LoadTarget {
  readonly loadgen: string;
  readonly address: string;
  readonly pid: number;
  /** Of the database server, if there is one. */
  readonly databasePid: number | undefined;
  readonly valueBytes: number;
}

/** Of this the system tells nothing. */
const NO_PID = 0;

/** A store of 100,000 keys takes the slowest peer minutes. */
const DEFAULT_MAX_TIME_MS = 300_000;

/** @throws {Error} with what the load generator said, if it could not run the load. */
export async function runLoad(target: LoadTarget, load: Load): Promise<LoadResult> {
  const { untold = [] } = load;
  const flags = {
    endpoint: target.address,
    pid: untold.includes("server") ? NO_PID : target.pid,
    "db-pid": untold.includes("database") ? NO_PID : target.databasePid ?? NO_PID,
    size: target.valueBytes,
    workload: load.workload,
    prefix: load.prefix,
    clients: load.clients,
    conns: load.connections,
    total: load.total,
    keys: load.keys ?? load.total,
    watchers: load.watchers ?? 1,
    since: load.sinceMs ?? 0,
    "start-at": load.startAtMs ?? 0,
    "max-time": `${load.maxTimeMs ?? DEFAULT_MAX_TIME_MS}ms`,
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const { success, stdout, stderr } = await outputOf(target.loadgen, [...args, "--json"]);
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr).trim());
  // The load generator was built from the source beside this file; result.go has the same fields.
  return JSON.parse(decoder.decode(stdout)) as LoadResult;
}

/** Ends the load generator also when the run is interrupted: it would go on for hours with no server. */
async function outputOf(command: string, args: string[]): Promise<Deno.CommandOutput> {
  const child = new Deno.Command(command, { args, stdout: "piped", stderr: "piped" }).spawn();
  const kill = () => child.kill("SIGKILL");
  globalThis.addEventListener("unload", kill);
  try {
    return await child.output();
  } finally {
    globalThis.removeEventListener("unload", kill);
  }
}
