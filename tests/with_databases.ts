/**
 * Runs a command with database servers beside it:
 *
 *     deno run -A tests/with_databases.ts [--postgres] [--mysql] [--if-installed] COMMAND…
 *
 * Starts what is named, or both, makes their addresses known as RHINO_POSTGRES_DSN and RHINO_MYSQL_DSN, and ends with
 * the command's code once the servers are gone again. A server whose variable is set already is left as it is. With
 * `--if-installed` a server that is not installed is left out, of RHINO_TEST_TARGETS too; not in CI, where it is a
 * failure.
 */

import { type Installable, missingFor } from "./support/databases/installed.ts";
import { MariadbServer } from "./support/databases/mariadb_server.ts";
import { PostgresServer } from "./support/databases/postgres_server.ts";
import { MYSQL_VARIABLE, POSTGRES_VARIABLE } from "./support/databases/shared_database.ts";

/** By the names of their targets. */
const DATABASES = {
  postgres: { variable: POSTGRES_VARIABLE, start: startPostgres },
  mysql: { variable: MYSQL_VARIABLE, start: startMysql },
} as const satisfies { readonly [name in Installable]?: unknown };

type DatabaseName = keyof typeof DATABASES;

const TARGETS_VARIABLE = "RHINO_TEST_TARGETS";
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

interface Order {
  readonly names: readonly DatabaseName[];
  readonly ifInstalled: boolean;
  readonly command: readonly string[];
}

function parseOrder(args: readonly string[]): Order {
  const commandAt = args.findIndex((arg) => !arg.startsWith("--"));
  if (commandAt === -1) throw new TypeError("Cannot run with databases: no command is given");
  const flags = args.slice(0, commandAt);
  const known = ["--if-installed", ...namesOfAll().map((name) => `--${name}`)];
  const unknown = flags.find((flag) => !known.includes(flag));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot run with databases: unknown flag ${unknown}`);
  }
  const named = namesOfAll().filter((name) => flags.includes(`--${name}`));
  return {
    names: named.length === 0 ? namesOfAll() : named,
    ifInstalled: flags.includes("--if-installed") && Deno.env.get("CI") !== "true",
    command: args.slice(commandAt),
  };
}

function namesOfAll(): DatabaseName[] {
  return ["postgres", "mysql"];
}

/** No test of the shared servers lets the machine crash, so nothing waits for the disk. */
async function startPostgres(servers: AsyncDisposableStack): Promise<string> {
  const settings = { max_wal_size: "256MB" };
  const server = await PostgresServer.start({ fsync: false, inMemory: true, settings });
  return servers.use(server).url();
}

async function startMysql(servers: AsyncDisposableStack): Promise<string> {
  const server = await MariadbServer.start({ flushLogAtCommit: 0 });
  return servers.use(server).url();
}

/** The variables for the command; what had to be started for them is put on the stack. */
async function startServers(
  { names, ifInstalled }: Order,
  servers: AsyncDisposableStack,
): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  const leftOut: string[] = [];
  for (const name of names) {
    const { variable, start } = DATABASES[name];
    if (Deno.env.get(variable)) continue;
    const missing = missingFor(name);
    if (missing === undefined) {
      env[variable] = await start(servers);
      continue;
    }
    const fact = `${missing} not found (tests/README.md tells what to install)`;
    if (!ifInstalled) throw new Error(`Cannot start the database server for ${name}: ${fact}`);
    leftOut.push(name);
    print(`No tests on ${name}: ${fact}`);
  }
  const targets = Deno.env.get(TARGETS_VARIABLE)?.split(",").map((name) => name.trim());
  if (targets !== undefined) {
    env[TARGETS_VARIABLE] = targets.filter((name) => !leftOut.includes(name)).join(",");
  }
  return env;
}

/** Runs the order's command and answers its exit code. */
async function run(order: Order): Promise<number> {
  await using servers = new AsyncDisposableStack();
  let child: Deno.ChildProcess | undefined;
  let told = false;
  for (const signal of SIGNALS) {
    Deno.addSignalListener(signal, () => {
      told = true;
      child?.kill(signal);
    });
  }
  const env = await startServers(order, servers);
  // Told to end before there was a command: a shell's code for a death by SIGINT.
  if (told) return 130;
  const [name = "", ...args] = order.command;
  // This very Deno, which need not be on the PATH.
  child = new Deno.Command(name === "deno" ? Deno.execPath() : name, { args, env }).spawn();
  const { code } = await child.status;
  child = undefined;
  return code;
}

function print(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

try {
  Deno.exit(await run(parseOrder(Deno.args)));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  print(error.message);
  Deno.exit(1);
}
