/** A MariaDB server of a test's own. */

import { userInfo } from "node:os";
import { startOnFreePort } from "../free_port.ts";
import { runCommand } from "./client_command.ts";
import { DatabaseProcess } from "./database_process.ts";
import { executable, serverUser, type UserIds } from "./executables.ts";
import { createMariadbDatabase, queryMariadb } from "./mariadb_client.ts";
import { makeServerDir } from "./server_dir.ts";
import type { TestDatabase } from "./test_database.ts";

/** Of the user `rhino`; the server listens on 127.0.0.1 only, and not for long. */
const PASSWORD = "rhino-test";

/** MariaDB's words are the operating system's; the tests' user may do what an operator would allow Rhino. */
const SETUP = `CREATE USER rhino@'%' IDENTIFIED BY '${PASSWORD}';
  GRANT ALL PRIVILEGES ON \`rhino%\`.* TO rhino@'%'`;

export interface MariadbOptions {
  /** 1, the default, syncs on commit; 2 and 0 are for tests that let no machine crash. */
  readonly flushLogAtCommit?: 0 | 1 | 2;
  /** More settings, by the names of their options without the leading dashes. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Arguments of the first start only. */
  readonly firstArgs?: readonly string[];
  /** The server begins with nothing and gets its data, and its users, from another. */
  readonly joins?: boolean;
  /** What its log says once it takes connections. */
  readonly readyText?: string;
}

interface Place {
  readonly dir: string;
  readonly user: UserIds | undefined;
  readonly options: MariadbOptions;
}

export class MariadbServer implements AsyncDisposable {
  readonly #place: Place;
  #port = 0;
  #process: DatabaseProcess | undefined;

  private constructor(place: Place) {
    this.#place = place;
  }

  /** Makes an empty server and waits until it takes connections. */
  static async start(options: MariadbOptions = {}): Promise<MariadbServer> {
    const user = serverUser(["mysql"]);
    const place = { options, user, dir: await makeServerDir("mariadb", { user }) };
    const server = new MariadbServer(place);
    try {
      await initialize(place);
      await server.#startOnFreePort();
      if (!options.joins) await server.query(SETUP);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  get port(): number {
    return this.#port;
  }

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

  /** Without a database it names the server. */
  url(database = ""): string {
    return `mysql://rhino:${PASSWORD}@127.0.0.1:${this.#port}/${database}`;
  }

  /** An empty database. */
  async createDatabase(): Promise<TestDatabase> {
    return await createMariadbDatabase(this.url());
  }

  /** Runs statements with all rights and answers what the client prints: a line a row, columns separated by tabs. */
  async query(
    sql: string,
    { database = "" }: { readonly database?: string } = {},
  ): Promise<string> {
    const args = [
      "--protocol=socket",
      `--socket=${this.#socket}`,
      `--user=${userInfo().username}`,
      `--database=${database}`,
    ];
    return await queryMariadb({ args, password: "" }, sql);
  }

  /** Starts it again, on the same data and port, and waits until it takes connections. */
  async start(): Promise<void> {
    await this.#start([]);
  }

  /** Resolves when it takes connections, after `start()` at once. */
  async waitReady(): Promise<void> {
    await this.#running.ready();
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    await this.#process?.end("SIGTERM");
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    await this.#process?.end("SIGKILL");
  }

  signal(signal: Deno.Signal): void {
    this.#running.signal(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#place.dir, { recursive: true });
  }

  #startOnFreePort(): Promise<void> {
    return startOnFreePort(async (port) => {
      this.#port = port;
      await this.#start(this.#place.options.firstArgs ?? []);
    }, () => this.output);
  }

  async #start(args: readonly string[]): Promise<void> {
    if (this.running) throw new Error("Cannot start MariaDB: it is running");
    const { dir, user, options } = this.#place;
    this.#process = new DatabaseProcess({
      command: executable("mariadbd"),
      args: [
        // Has to be the first.
        "--no-defaults",
        `--datadir=${dir}/data`,
        `--socket=${this.#socket}`,
        `--pid-file=${dir}/pid`,
        `--port=${this.#port}`,
        ...settingsOf(options),
        ...args,
      ],
      dir,
      user,
      readyText: options.readyText ?? "ready for connections.",
    });
    await this.waitReady();
  }

  get #socket(): string {
    return `${this.#place.dir}/socket`;
  }

  get #running(): DatabaseProcess {
    if (this.#process === undefined) throw new Error("MariaDB was never started");
    return this.#process;
  }
}

async function initialize({ dir, user, options }: Place): Promise<void> {
  const data = `${dir}/data`;
  await Deno.mkdir(data, { mode: 0o700 });
  if (user !== undefined) await Deno.chown(data, user.uid, user.gid);
  if (options.joins) return;
  await runCommand(executable("mariadb-install-db"), {
    args: [
      "--no-defaults",
      `--datadir=${data}`,
      // Whoever runs the tests may do anything over the socket; nobody has to know a password.
      "--auth-root-authentication-method=socket",
      `--auth-root-socket-user=${userInfo().username}`,
      "--skip-test-db",
      "--skip-name-resolve",
      "--innodb-flush-log-at-trx-commit=0",
    ],
    cwd: dir,
    user,
  });
}

function settingsOf({ flushLogAtCommit = 1, settings = {} }: MariadbOptions): string[] {
  const all: Record<string, string> = {
    "bind-address": "127.0.0.1",
    "skip-networking": "0",
    "skip-name-resolve": "1",
    "skip-log-bin": "1",
    // As in the settings that Debian ships.
    "character-set-server": "utf8mb4",
    "max-connections": "300",
    "innodb-buffer-pool-size": "128M",
    "innodb-flush-log-at-trx-commit": String(flushLogAtCommit),
    ...settings,
  };
  return Object.entries(all).map(([name, value]) => `--${name}=${value}`);
}
