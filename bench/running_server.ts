/** A server under measurement. It is stopped while another one has its turn. */

import { ServerProcess } from "../tests/support/server_process.ts";
import { type Load, type LoadResult, runLoad } from "./load.ts";
import type { Contender, ServerName } from "./servers.ts";

/** No operation of the load that waits for readiness begins later. */
const READY_MS_MAX = 20_000;

export interface RunningServerOptions {
  /** Where the server's directory is made. */
  readonly parentDir: string;
  readonly loadgen: string;
  readonly valueBytes: number;
  /** Where it keeps its data, unless that is in its directory. */
  readonly database?: { readonly url: string; readonly serverPid: number } | undefined;
  /** More flags, for Rhino only. */
  readonly flags?: readonly string[];
}

export class RunningServer implements AsyncDisposable {
  readonly name: ServerName;
  /** Of its own, for what it keeps in no database server. */
  readonly dir: string;
  readonly #process: ServerProcess;
  readonly #address: string;
  readonly #options: RunningServerOptions;
  readonly #startedMs: number;

  /** Starts the server on an empty store. It runs at once, and until `pause`. */
  constructor(contender: Contender, options: RunningServerOptions) {
    this.name = contender.name;
    this.#options = options;
    this.dir = Deno.makeTempDirSync({ dir: options.parentDir, prefix: `${contender.name}-` });
    const port = freePort();
    this.#address = `127.0.0.1:${port}`;
    const { command, args } = contender.launch({
      dir: this.dir,
      port,
      databaseUrl: options.database?.url,
      flags: options.flags,
    });
    this.#startedMs = Date.now();
    this.#process = new ServerProcess(command, args);
  }

  /** Waits until the server has answered; the result's latency is the time since its start. */
  async ready(): Promise<LoadResult> {
    return await this.run({
      workload: "ready",
      prefix: "/",
      clients: 1,
      connections: 1,
      total: 1,
      sinceMs: this.#startedMs,
      maxTimeMs: READY_MS_MAX,
    });
  }

  /** @throws {Error} if the load could not be run, with the server's output if it has ended. */
  async run(load: Load): Promise<LoadResult> {
    const { loadgen, valueBytes, database } = this.#options;
    const target = {
      loadgen,
      valueBytes,
      address: this.#address,
      pid: this.#process.pid,
      databasePid: database?.serverPid,
    };
    try {
      return await runLoad(target, load);
    } catch (error) {
      if (this.#process.running) throw error;
      throw new Error(`${this.name} has ended:\n${this.#process.output}`, { cause: error });
    }
  }

  /** Lets the others have the machine to themselves. */
  pause(): void {
    if (this.#process.running) this.#process.signal("SIGSTOP");
  }

  resume(): void {
    if (this.#process.running) this.#process.signal("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    await this.#process.end("SIGTERM");
  }
}

/** A port that is free now; should another process be faster, the server says so and is left out. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
