/** A store on the memory backend whose calls a test can hold up, fail and count. */
import { type Backend, BackendError } from "../../../backends/contract.ts";
import { openStore } from "../../../backends/memory/mod.ts";
import { createStore } from "../../../backends/memory/store.ts";
import { LEASE_GAP_MS } from "../../limits.ts";
import { Store } from "../store.ts";
import type { Commit, PutOp } from "../types.ts";
import { command, putOp } from "./ops.ts";

/** Replaces some of a backend's methods; the real ones are told to the function that makes them. */
export type Override = (real: Backend) => Partial<Backend>;

/** Memory that outlives the engine on it, as a disk outlives a server. */
export class Disk {
  nowMs = 1_000_000;
  readonly #store = createStore({ clusterId: 7n, nowMs: this.nowMs });

  open(override: Override = () => ({}), { isShared = false } = {}): Backend {
    const real = openStore(this.#store, {
      now: () => this.nowMs,
      randomId: () => 1n,
      log() {},
      maxConnections: 1,
      createSchema: true,
      leaseGapMs: LEASE_GAP_MS,
      isShared,
    });
    return overridden(real, override(real));
  }
}

function overridden(real: Backend, changes: Partial<Backend>): Backend {
  return new Proxy(real, {
    get(target, name) {
      const changed: unknown = Reflect.get(changes, name);
      if (changed !== undefined) return changed;
      const value: unknown = Reflect.get(target, name, target);
      // Methods use private fields, which the proxy has not.
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

export class Engine implements AsyncDisposable {
  readonly disk: Disk;
  readonly store: Store;
  /** Published ones. */
  readonly commits: Commit[] = [];
  readonly logged: string[];

  private constructor(disk: Disk, store: Store, logged: string[]) {
    this.disk = disk;
    this.store = store;
    this.logged = logged;
    store.onCommit((commit) => this.commits.push(commit));
  }

  static async open(
    override?: Override,
    disk = new Disk(),
    options: { readonly isShared?: boolean } = {},
  ): Promise<Engine> {
    const logged: string[] = [];
    const store = await Store.open({
      backend: disk.open(override, options),
      now: () => disk.nowMs,
      log: (_level, message) => logged.push(message),
    });
    return new Engine(disk, store, logged);
  }

  put(name: string, value = "", options: Partial<PutOp> = {}) {
    return this.store.submit(command(putOp(name, value, options)));
  }

  /** The first commit of this kind, past or to come. */
  committed(isWanted: (commit: Commit) => boolean): Promise<Commit> {
    const past = this.commits.find(isWanted);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) =>
      this.store.onCommit((commit) => {
        if (isWanted(commit)) resolve(commit);
      })
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await this.store.backend.close();
  }
}

/** A promise that the test settles. */
export class Gate {
  readonly #settle = Promise.withResolvers<void>();
  readonly #reached = Promise.withResolvers<void>();

  /** Resolves when somebody waits at the gate. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  wait(): Promise<void> {
    this.#reached.resolve();
    return this.#settle.promise;
  }

  open(): void {
    this.#settle.resolve();
  }
}

export function unavailable(): BackendError {
  return new BackendError("unavailable", "the store is away");
}
