/** Servers on new stores, and all that goes away with them: their processes, folders and databases. */

import type { DatabaseEngine } from "./database_engine.ts";
import { CACHE_DIR } from "./go_build.ts";
import { RunningServer } from "./running_server.ts";
import type { Contender } from "./servers.ts";

export interface StageOptions {
  readonly loadgen: string;
  readonly valueBytes: number;
  /** Undefined if the store needs none. */
  readonly engine: DatabaseEngine | undefined;
}

/** A database of a stage. */
export interface StageDatabase {
  readonly url: string;
  /** Of its server. */
  readonly serverPid: number;
}

export class Stage implements AsyncDisposable {
  readonly #options: StageOptions;
  readonly #stack = new AsyncDisposableStack();
  readonly #parentDir: string;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#parentDir = this.#stack.use(new ScratchDir()).path;
  }

  /** A new one on the run's database server; undefined if there is none. */
  async createDatabase(): Promise<StageDatabase | undefined> {
    const { engine } = this.#options;
    if (engine === undefined) return undefined;
    const database = await engine.server.createDatabase();
    this.#stack.defer(() => database.drop());
    return { url: database.url, serverPid: engine.server.pid };
  }

  /** Starts a server on a new store, or on a database that others share. */
  async start(
    contender: Contender,
    options: { readonly database?: StageDatabase | undefined; readonly flags?: readonly string[] } =
      {},
  ): Promise<RunningServer> {
    const { loadgen, valueBytes } = this.#options;
    const isNewStore = contender.usesStore && options.database === undefined;
    const database = isNewStore ? await this.createDatabase() : options.database;
    const { flags = [] } = options;
    const parentDir = this.#parentDir;
    return this.#stack.use(
      new RunningServer(contender, { parentDir, loadgen, valueBytes, database, flags }),
    );
  }

  /** The servers end before their databases and folders go. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A directory for the stores, removed with all that is in it, also when the run is interrupted. */
class ScratchDir implements Disposable {
  readonly path = Deno.makeTempDirSync({ dir: CACHE_DIR, prefix: "run-" });
  readonly #remove = () => Deno.removeSync(this.path, { recursive: true });

  constructor() {
    globalThis.addEventListener("unload", this.#remove);
  }

  [Symbol.dispose](): void {
    globalThis.removeEventListener("unload", this.#remove);
    this.#remove();
  }
}
