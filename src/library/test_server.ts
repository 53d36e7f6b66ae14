/** A server for the tests of other people's programs: quick to start, quiet, and as unkind as a test wants it. */

import type { BackendModule } from "../../backends/contract.ts";
import { keptInMemory } from "../../backends/registry.ts";
import { addressOf, isUnix, urlText } from "../client_urls.ts";
import { type MovableClocks, movableClocks } from "../clocks.ts";
import type { ListeningUrl, Serves } from "../listeners.ts";
import { compactCommand, deleteCommand } from "../mvcc/commands.ts";
import { UNRESTRICTED } from "../mvcc/permit.ts";
import { type RunningServer, startServer } from "../server.ts";
import { Faults } from "./faults.ts";
import { type ParsedOptions, parseOptions, type RhinoOptions } from "./options.ts";

/** Options of a server but for where its data lives, which is always memory. */
export type TestServerOptions = Omit<RhinoOptions, "endpoint" | "backends" | "sandbox">;

/** What differs from a server for users: a test wants to know when something is compacted, and waits for nobody. */
const TEST_DEFAULTS = { compactIntervalMs: 0, closeGraceMs: 0 } as const;

/** A server in memory that a test controls. Its data and its address stay the same over stops and starts. */
export class TestServer implements AsyncDisposable {
  readonly #parsed: ParsedOptions;
  readonly #store: BackendModule;
  readonly #clocks: MovableClocks = movableClocks();
  readonly #faults: Faults = new Faults();
  #running: RunningServer | undefined;
  /** As they were at the first start, with their ports. */
  #urls: readonly ListeningUrl[] = [];
  /** Starts and stops, one after the other. */
  #changing: Promise<void> = Promise.resolve();

  private constructor(parsed: ParsedOptions, store: BackendModule) {
    this.#parsed = parsed;
    this.#store = this.#faults.before(store);
  }

  /** See `startTestServer`. */
  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const parsed = parseOptions({ ...TEST_DEFAULTS, ...options, endpoint: "memory://" });
    const server = new TestServer(parsed, await keptInMemory());
    await server.start();
    return server;
  }

  /** HOST:PORT; the same from the first start on. */
  get address(): string {
    const [first] = this.#urls;
    if (first === undefined) return "";
    return isUnix(first) ? urlText(first) : addressOf(first);
  }

  /** Such as `http://127.0.0.1:36405`. */
  get url(): string {
    const [first] = this.#urls;
    return first === undefined ? "" : urlText(first);
  }

  /** All that is listened on, and what for; the client URLs come first. */
  get urls(): readonly ListeningUrl[] {
    return this.#urls;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Starts again what was stopped, at the same address. Nothing happens if it runs.
   *
   * @throws {Error} if another program has taken the port meanwhile
   */
  start(): Promise<void> {
    return this.#change(async () => {
      this.#running ??= await this.#startServer();
    });
  }

  /**
   * Cuts all connections and stops listening, as an etcd that was stopped. The data stay. Nothing happens if it does not
   * run. All outages and pauses end.
   */
  stop(): Promise<void> {
    return this.#change(async () => {
      const running = this.#running;
      this.#running = undefined;
      this.#faults.endAll();
      await running?.[Symbol.asyncDispose]();
    });
  }

  /** Stops and starts: clients have to connect again, watches to go on from where they were. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /**
   * Removes all keys and leases, in new revisions: watches see the keys go. The history, and users and roles, stay. For a
   * store that is new in everything, start another server: that takes some milliseconds.
   *
   * @throws {Error} if the server does not run, or in an outage or a pause
   */
  async clear(): Promise<void> {
    const { store, lessor } = this.#engine;
    const range = { start: new Uint8Array(), end: null, single: false };
    await store.submit(deleteCommand(
      { kind: "delete", range, prevKv: false },
      { alarms: store.alarms, bytes: 0, permit: UNRESTRICTED },
    ));
    const { leases } = await lessor.list();
    await Promise.all(leases.map(({ id }) => lessor.revoke(id)));
  }

  /**
   * Compacts, by default all history up to now, and answers the revision. Who then reads or watches from an earlier one is
   * told so by etcd's error.
   *
   * @param revision at most the newest
   * @throws {Error} if it is compacted already or has not been yet, with etcd's text, or as `clear`
   */
  async compact(revision?: number): Promise<number> {
    const { store, compactor } = this.#engine;
    const { head } = store;
    const target = revision ?? head.revision;
    if (revision !== undefined || target > head.compactRevision) {
      await store.submit(compactCommand(target, store.alarms));
    }
    await compactor.trimmed();
    return target;
  }

  /**
   * Moves the server's clock on. When it resolves, all leases that have run out by then are revoked and their keys gone;
   * during an outage or a pause, half a second after its end at the latest. Idle tokens of users end by the same clock. The
   * leases of a stopped server lose no time, as ever.
   *
   * @param ms milliseconds, 0 or more
   * @throws {RangeError} for less
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && Number.isFinite(ms))) {
      throw new RangeError(`Cannot advance the clock by ${ms} ms: expected 0 or more`);
    }
    this.#clocks.advance(ms);
    if (!this.#faults.isAny) await this.#running?.engine.lessor.expireDue();
  }

  /**
   * Until it is disposed of, all calls fail as Unavailable, "etcdserver: request timed out", as those of an etcd that has
   * lost its quorum. Connections and watches stay, and see nothing new.
   */
  outage(): Disposable {
    return this.#faults.begin({ refuses: true });
  }

  /** Until it is disposed of, no call is answered: for deadlines of clients. Then those that still wait are. */
  pause(): Disposable {
    return this.#faults.begin({ refuses: false });
  }

  /** Stops for good. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #engine(): RunningServer["engine"] {
    if (this.#running === undefined) throw new Error("The test server does not run: start() it");
    if (this.#faults.isAny) throw new Error("The test server has an outage or a pause: end it");
    return this.#running.engine;
  }

  #change(change: () => Promise<void>): Promise<void> {
    // A change that failed is told to whoever asked for it, and the next one may do better.
    this.#changing = this.#changing.catch(() => {}).then(change);
    return this.#changing;
  }

  async #startServer(): Promise<RunningServer> {
    const { config, log, closeGraceMs } = this.#parsed;
    const running = await startServer(this.#atSameAddress(config), log, {
      modules: new Map([["memory", this.#store]]),
      closeGraceMs,
      clocks: this.#clocks,
      // A clock that was moved is no time in which no server ran.
      leaseGapMs: Number.MAX_SAFE_INTEGER,
      intercept: this.#faults.intercept,
    });
    this.#urls = [...running.urls];
    return running;
  }

  #atSameAddress(config: ParsedOptions["config"]): ParsedOptions["config"] {
    if (this.#urls.length === 0) return config;
    const serving = (...kinds: Serves[]) =>
      this.#urls.filter(({ serves }) => kinds.includes(serves));
    return {
      ...config,
      listenClientUrls: serving("grpc+http", "grpc"),
      listenClientHttpUrls: serving("http"),
      listenMetricsUrls: serving("metrics"),
    };
  }
}

/**
 * Starts an etcd server for a test: in memory, at a free port of 127.0.0.1, silent, in some milliseconds.
 *
 * ```ts
 * import { startTestServer } from "@rhino/rhino/testing";
 *
 * await using etcd = await startTestServer();
 * const response = await fetch(`${etcd.url}/version`);
 * if (!response.ok) throw new Error("it should have answered");
 * await response.body?.cancel();
 * ```
 *
 * @throws as `RhinoServer.start`
 */
export function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  return TestServer.start(options);
}
