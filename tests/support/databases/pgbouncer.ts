/** PgBouncer in front of a PostgreSQL server: connections of the server are lent for a transaction at a time. */

import { freePort } from "../free_port.ts";
import { DatabaseProcess } from "./database_process.ts";
import { executable, serverUser } from "./executables.ts";
import { queryPostgres } from "./postgres_client.ts";
import type { PostgresServer } from "./postgres_server.ts";
import { makeServerDir } from "./server_dir.ts";
import { withDatabase } from "./test_database.ts";

const START_ATTEMPTS_MAX = 3;

export interface PgBouncerOptions {
  readonly poolMode?: "session" | "transaction" | "statement";
  /** More settings, by their names in pgbouncer.ini. */
  readonly settings?: Readonly<Record<string, string>>;
}

export class PgBouncer implements AsyncDisposable {
  readonly #process: DatabaseProcess;
  readonly #dir: string;
  readonly #url: string;

  private constructor(
    process: DatabaseProcess,
    { dir, url }: { readonly dir: string; readonly url: string },
  ) {
    this.#process = process;
    this.#dir = dir;
    this.#url = url;
  }

  /** Starts one that leads to every database of the server, as the user `rhino`, and waits until it is ready. */
  static async start(server: PostgresServer, options: PgBouncerOptions = {}): Promise<PgBouncer> {
    const command = executable("pgbouncer");
    for (let attempt = 1;; attempt++) {
      const user = serverUser(["postgres"]);
      const dir = await makeServerDir("pgbouncer", { user });
      const port = await freePort();
      const { username, password } = new URL(server.url());
      await Deno.writeTextFile(`${dir}/users`, `"${username}" "${password}"\n`);
      await Deno.writeTextFile(`${dir}/ini`, iniOf({ dir, port, server, options }));
      const readyText = "process up";
      const process = new DatabaseProcess({ command, args: ["ini"], dir, user, readyText });
      const url = server.url().replace(`:${server.port}/`, `:${port}/`);
      const bouncer = new PgBouncer(process, { dir, url });
      try {
        await process.ready();
        return bouncer;
      } catch (error) {
        await bouncer[Symbol.asyncDispose]();
        const portTaken = process.output.includes("Address already in use");
        if (!portTaken || attempt === START_ATTEMPTS_MAX) throw error;
      }
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The newest part of its log. */
  get output(): string {
    return this.#process.output;
  }

  url(database = "postgres"): string {
    return withDatabase(this.#url, database);
  }

  /** What psql prints: a line a row, its columns separated by `|`. */
  async query(sql: string, { database }: { readonly database?: string } = {}): Promise<string> {
    return await queryPostgres(this.url(database), sql);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.end("SIGTERM");
    await Deno.remove(this.#dir, { recursive: true });
  }
}

interface IniParts {
  readonly dir: string;
  readonly port: number;
  readonly server: PostgresServer;
  readonly options: PgBouncerOptions;
}

function iniOf({ dir, port, server, options }: IniParts): string {
  const settings: Record<string, string> = {
    listen_addr: "127.0.0.1",
    listen_port: String(port),
    unix_socket_dir: "",
    // The passwords lie in the file as they are: PgBouncer needs them to log in at the server itself.
    auth_type: "scram-sha-256",
    auth_file: `${dir}/users`,
    pool_mode: options.poolMode ?? "transaction",
    max_client_conn: "300",
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const databases = `* = host=127.0.0.1 port=${server.port}`;
  return ["[databases]", databases, "[pgbouncer]", ...lines, ""].join("\n");
}
