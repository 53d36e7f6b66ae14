/** A PostgreSQL server of a test's own. */

import { startOnFreePort } from "../free_port.ts";
import { runCommand } from "./client_command.ts";
import { DatabaseProcess } from "./database_process.ts";
import { executable, serverUser, type UserIds } from "./executables.ts";
import { createPostgresDatabase, queryPostgres } from "./postgres_client.ts";
import { endAtOnce } from "./process_family.ts";
import { makeServerDir } from "./server_dir.ts";
import type { TestDatabase } from "./test_database.ts";

/** Of both users; the server listens on 127.0.0.1 only, and not for long. */
const PASSWORD = "rhino-test";
const STANDBY_TIMEOUT_MS = 60_000;
const STANDBY_POLL_MS = 100;

const STOP_SIGNALS = {
  /** Waits for connections to be closed. */
  smart: "SIGTERM",
  /** Closes connections, then writes everything down. */
  fast: "SIGINT",
  /** Writes nothing down: the next start recovers as after a crash. */
  immediate: "SIGQUIT",
} as const;

export type PostgresStopMode = keyof typeof STOP_SIGNALS;

export interface PostgresOptions {
  /** False where no test lets a machine crash; true by default. */
  readonly fsync?: boolean;
  /** Keeps the data in memory where there is room: each database it makes is some 300 files. */
  readonly inMemory?: boolean;
  /** More settings, by their names in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** `rhino` owns what it makes, and no more; `postgres` may do anything. */
export type PostgresUser = "rhino" | "postgres";

interface Place {
  readonly dir: string;
  readonly user: UserIds | undefined;
  readonly options: PostgresOptions;
  /** The name a standby goes by at its primary. */
  readonly name: string;
}

export class PostgresServer implements AsyncDisposable {
  readonly #place: Place;
  #port = 0;
  #process: DatabaseProcess | undefined;

  private constructor(place: Place) {
    this.#place = place;
  }

  /** Makes an empty server and waits until it takes connections. */
  static async start(options: PostgresOptions = {}): Promise<PostgresServer> {
    return await PostgresServer.#launch({ options, name: "primary" }, initialize);
  }

  get port(): number {
    return this.#port;
  }

  /** Of the postmaster. */
  get pid(): number {
    return this.#running.pid;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** The newest part of its log. */
  get output(): string {
    return this.#process?.output ?? "";
  }

  url(database = "postgres", { user = "rhino" }: { readonly user?: PostgresUser } = {}): string {
    return `postgres://${user}:${PASSWORD}@127.0.0.1:${this.#port}/${database}`;
  }

  /** An empty database that `rhino` owns. */
  async createDatabase(): Promise<TestDatabase> {
    return await createPostgresDatabase(this.url());
  }

  /** What psql prints: a line a row, its columns separated by `|`. Several statements are one transaction. */
  async query(
    sql: string,
    { database, user = "postgres" }: {
      readonly database?: string;
      readonly user?: PostgresUser;
    } = {},
  ): Promise<string> {
    return await queryPostgres(this.url(database, { user }), sql);
  }

  /** Starts it again, on the same data and port, and waits until it takes connections. */
  async start(): Promise<void> {
    if (this.running) throw new Error("Cannot start PostgreSQL: it is running");
    const { dir, user, options } = this.#place;
    this.#process = new DatabaseProcess({
      command: executable("postgres"),
      args: ["-D", `${dir}/data`, "-p", String(this.#port), ...settingsOf(options)],
      dir,
      user,
      // A standby says "read-only connections" instead, and nothing more when it is promoted.
      readyText: "database system is ready to accept",
    });
    await this.waitReady();
  }

  /** Resolves when it takes connections, after `start()` at once. */
  async waitReady(): Promise<void> {
    await this.#running.ready();
  }

  async stop(mode: PostgresStopMode = "fast"): Promise<void> {
    await this.#process?.end(STOP_SIGNALS[mode]);
  }

  /** Ends it at once, as a crash would: the postmaster and all of its children. */
  async kill(): Promise<void> {
    if (this.#process === undefined || !this.running) return;
    await endAtOnce(this.#process);
  }

  /** Sends a signal to the postmaster. */
  signal(signal: Deno.Signal): void {
    this.#running.signal(signal);
  }

  /** Makes a standby take writes; it follows its primary no longer. */
  async promote(): Promise<void> {
    const done = await this.query("SELECT pg_promote(true, 60)");
    if (done !== "t") throw new Error(`Cannot promote the standby:\n${this.output}`);
  }

  /**
   * Makes another server that follows this one and can be read. If it is synchronous, a commit on this one waits for it
   * from now on.
   */
  async startStandby(
    { synchronous = false }: { readonly synchronous?: boolean } = {},
  ): Promise<PostgresServer> {
    const name = `standby_${crypto.randomUUID().slice(0, 8)}`;
    const { options } = this.#place;
    const standby = await PostgresServer.#launch({ options, name }, (place) => this.#copyTo(place));
    try {
      await this.#waitForStandby(name, "state = 'streaming'");
      if (synchronous) {
        await this.query(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`);
        await this.query("SELECT pg_reload_conf()");
        await this.#waitForStandby(name, "sync_state = 'sync'");
      }
    } catch (error) {
      await standby[Symbol.asyncDispose]();
      throw error;
    }
    return standby;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("immediate");
    await Deno.remove(this.#place.dir, { recursive: true });
  }

  static async #launch(
    { options, name }: { readonly options: PostgresOptions; readonly name: string },
    fill: (place: Place) => Promise<void>,
  ): Promise<PostgresServer> {
    const user = serverUser(["postgres"]);
    const { inMemory = false } = options;
    const dir = await makeServerDir("postgres", { user, inMemory });
    const place = { options, name, user, dir };
    const server = new PostgresServer(place);
    try {
      await fill(place);
      await server.#startOnFreePort();
      if (name === "primary") await server.query(`CREATE ROLE rhino ${RHINO_ROLE}`);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  #startOnFreePort(): Promise<void> {
    return startOnFreePort(async (port) => {
      this.#port = port;
      await this.start();
    }, () => this.output);
  }

  async #copyTo({ dir, user, name }: Place): Promise<void> {
    await runCommand(executable("pg_basebackup"), {
      args: [
        `--dbname=${this.url("postgres", { user: "postgres" })}?application_name=${name}`,
        `--pgdata=${dir}/data`,
        "--wal-method=stream",
        "--checkpoint=fast",
        "--no-sync",
        // Writes how to reach the primary into the standby's settings.
        "--write-recovery-conf",
      ],
      cwd: dir,
      user,
    });
  }

  async #waitForStandby(name: string, condition: string): Promise<void> {
    const sql =
      `SELECT count(*) FROM pg_stat_replication WHERE application_name = '${name}' AND ${condition}`;
    const giveUpAt = Date.now() + STANDBY_TIMEOUT_MS;
    while (await this.query(sql) !== "1") {
      if (Date.now() > giveUpAt) {
        throw new Error(
          `Cannot start the standby: no ${condition} at its primary:\n${this.output}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, STANDBY_POLL_MS));
    }
  }

  get #running(): DatabaseProcess {
    if (this.#process === undefined) throw new Error("PostgreSQL was never started");
    return this.#process;
  }
}

const RHINO_ROLE = `LOGIN CREATEDB PASSWORD '${PASSWORD}'`;

async function initialize({ dir, user }: Place): Promise<void> {
  const passwordFile = `${dir}/password`;
  await Deno.writeTextFile(passwordFile, PASSWORD);
  if (user !== undefined) await Deno.chown(passwordFile, user.uid, user.gid);
  await runCommand(executable("initdb"), {
    args: [
      `--pgdata=${dir}/data`,
      "--username=postgres",
      "--auth=scram-sha-256",
      `--pwfile=${passwordFile}`,
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
    ],
    cwd: dir,
    user,
  });
}

function settingsOf({ fsync = true, settings = {} }: PostgresOptions): string[] {
  const all: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    // Everything goes over TCP: a socket's path would have to be short.
    unix_socket_directories: "",
    max_connections: "300",
    shared_buffers: "64MB",
    // Without fsync a torn page is no concern either.
    ...fsync ? {} : { fsync: "off", full_page_writes: "off" },
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}
