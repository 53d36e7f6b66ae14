/** A PostgreSQL server that Patroni manages: started as replica or primary, promoted, watched over. */

import { executable, type UserIds } from "../../support/databases/executables.ts";
import { DatabaseProcess } from "../../support/databases/database_process.ts";
import { queryPostgres } from "../../support/databases/postgres_client.ts";
import { childrenOf } from "../../support/databases/process_family.ts";
import { freePorts } from "../../support/free_port.ts";

const PASSWORD = "rhino-test";
const SCOPE = "rhino";

/** Patroni's least: a primary that is gone is missed for so long. */
export const PATRONI_TTL_S = 20;
const LOOP_WAIT_S = 1;
/** How long Patroni asks again before it takes its store for gone, and its primary out of service. */
const RETRY_TIMEOUT_S = 5;

export interface PatroniMemberOptions {
  readonly name: string;
  /** HOST:PORT of the etcd that the members agree by. */
  readonly etcd: string;
  /** A folder of the member's own. */
  readonly dir: string;
  readonly user: UserIds | undefined;
  readonly python: { readonly command: string; readonly packages: string };
}

/** What Patroni's REST API says of its server. */
export interface PatroniState {
  readonly state: string;
  readonly role: string;
  readonly timeline?: number;
}

export class PatroniMember implements AsyncDisposable {
  readonly name: string;
  readonly #options: PatroniMemberOptions;
  readonly #ports: { readonly postgres: number; readonly rest: number };
  readonly #patroni: DatabaseProcess;

  static async start(options: PatroniMemberOptions): Promise<PatroniMember> {
    const [postgres = 0, rest = 0] = await freePorts(2);
    const ports = { postgres, rest };
    // YAML takes JSON for what it is.
    const config = JSON.stringify(configOf(options, ports), undefined, 2);
    await Deno.writeTextFile(`${options.dir}/patroni.yml`, config);
    return new PatroniMember(options, ports);
  }

  private constructor(
    options: PatroniMemberOptions,
    ports: { readonly postgres: number; readonly rest: number },
  ) {
    const { name, dir, user, python } = options;
    this.name = name;
    this.#options = options;
    this.#ports = ports;
    this.#patroni = new DatabaseProcess({
      command: python.command,
      args: ["-m", "patroni", `${dir}/patroni.yml`],
      env: { PYTHONPATH: python.packages, HOME: dir, PGPASSFILE: `${dir}/pgpass` },
      dir,
      user,
      pidFile: `${dir}/data/postmaster.pid`,
      readyText: "Lock owner",
    });
  }

  /** The newest part of Patroni's log. */
  get output(): string {
    return this.#patroni.output;
  }

  /** Undefined while Patroni answers nothing. */
  async state(): Promise<PatroniState | undefined> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#ports.rest}/patroni`);
      return await answer.json() as PatroniState;
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }

  /** What psql prints. */
  async query(sql: string): Promise<string> {
    const url = `postgres://postgres:${PASSWORD}@127.0.0.1:${this.#ports.postgres}/postgres`;
    return await queryPostgres(url, sql);
  }

  /** Ends Patroni and its server at once, as a machine that loses its power would. */
  async kill(): Promise<void> {
    if (!this.#patroni.running) return;
    // Stopped, it starts no server again.
    this.#patroni.signal("SIGSTOP");
    // First, as its log goes to Patroni's, and Patroni has ended only when that has.
    this.#killPostgres();
    await this.#patroni.end("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #killPostgres(): void {
    const pid = postmasterOf(`${this.#options.dir}/data`);
    if (pid === undefined) return;
    const family = [pid, ...childrenOf(pid)];
    // Stopped, it starts no child between the look and the kill.
    for (const signal of ["SIGSTOP", "SIGKILL"] as const) {
      for (const one of family) sendTo(one, signal);
    }
  }
}

/** The server's process, if it runs: its file may have outlived it. */
function postmasterOf(dataDir: string): number | undefined {
  try {
    const pid = Number(Deno.readTextFileSync(`${dataDir}/postmaster.pid`).split("\n")[0]);
    return Deno.readLinkSync(`/proc/${pid}/cwd`) === Deno.realPathSync(dataDir) ? pid : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function sendTo(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function configOf(
  { name, etcd, dir }: PatroniMemberOptions,
  ports: { readonly postgres: number; readonly rest: number },
) {
  const rest = `127.0.0.1:${ports.rest}`;
  const postgres = `127.0.0.1:${ports.postgres}`;
  return {
    scope: SCOPE,
    name,
    restapi: { listen: rest, connect_address: rest },
    etcd3: { hosts: [etcd] },
    bootstrap: {
      dcs: {
        ttl: PATRONI_TTL_S,
        loop_wait: LOOP_WAIT_S,
        retry_timeout: RETRY_TIMEOUT_S,
        // A replica may take over though the last rows did not reach it: those that are asked for did.
        maximum_lag_on_failover: 1024 ** 2,
      },
      initdb: [{ encoding: "UTF8" }, { locale: "C" }, "no-sync"],
      pg_hba: [
        "host all all 127.0.0.1/32 scram-sha-256",
        "host replication all 127.0.0.1/32 scram-sha-256",
      ],
    },
    postgresql: {
      listen: postgres,
      connect_address: postgres,
      data_dir: `${dir}/data`,
      bin_dir: binDir(),
      pgpass: `${dir}/pgpass`,
      authentication: {
        superuser: { username: "postgres", password: PASSWORD },
        replication: { username: "replicator", password: PASSWORD },
      },
      parameters: {
        unix_socket_directories: dir,
        fsync: "off",
        shared_buffers: "32MB",
        max_connections: 30,
      },
    },
    watchdog: { mode: "off" },
  };
}

function binDir(): string {
  const path = executable("postgres");
  return path.slice(0, path.lastIndexOf("/"));
}
