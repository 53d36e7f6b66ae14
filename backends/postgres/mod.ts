/** The PostgreSQL backend's door. */

import { type Backend, BackendError, type OpenOptions } from "../contract.ts";
import { PostgresBackend } from "./backend.ts";
import { Connector } from "./connecting.ts";
import { channelOf } from "./listening.ts";
import { openStore } from "./opening.ts";
import type { Session } from "./session.ts";
import { parseSettings, type Settings } from "./settings.ts";
import { quoteName, statementsFor } from "./statements.ts";

const TABLES = ["head", "trim", "batch", "log", "current", "lease", "record", "member"]
  .map((name) => `rhino_${name}`);
const VIEWS = ["rhino_kv", "rhino_history"];

/** The version of the contract that this module was written for. */
export const contractVersion = 1;

/** Opens `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?schema=NAME&sslmode=…`; makes its tables if there are none. */
export async function open(endpoint: string, options: OpenOptions): Promise<Backend> {
  const settings = parseSettings(endpoint);
  const { schema, ignored, hosts, listenHost } = settings;
  if (ignored.length > 0) {
    options.log("warn", "URL parameters have no effect on PostgreSQL", { parameters: ignored });
  }
  const statements = statementsFor(schema);
  const { log, onStatement } = options;
  const connector = new Connector({ settings, statements, log, onStatement });
  const first = await connectFirst(() => connector.connect());
  try {
    const { clusterId } = await openStore(first, { schema, options });
    return new PostgresBackend({
      connector,
      first,
      clusterId,
      schema,
      channel: await channelOf(schema),
      options,
      async connectListener() {
        const session = await connector.connect(listenHost === null ? hosts : [listenHost]);
        if (!connector.isPooled(session)) return session;
        session.destroy();
        throw new BackendError(
          "unusable",
          "a pooler stands in between; listen_host=HOST:PORT can name the database itself",
        );
      },
    });
  } catch (error) {
    first.destroy();
    await connector.ended();
    throw error;
  }
}

/** What cannot be connected to at the start is not waited for: it may be a mistake in the configuration. */
async function connectFirst(connect: () => Promise<Session>): Promise<Session> {
  try {
    return await connect();
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    throw new BackendError("unusable", error.message, { cause: error });
  }
}

/** The SQL that `open` would run where tables or views are missing, for a user that may do so. It can be run again. */
export function schemaSql(endpoint: string): string {
  const settings = parseSettings(endpoint);
  const { createSchema, createTables, addTimes, createViews } = statementsFor(settings.schema);
  return [
    "BEGIN",
    createSchema.replace("CREATE SCHEMA", "CREATE SCHEMA IF NOT EXISTS"),
    createTables,
    addTimes,
    createViews,
    ...grantsFor(settings),
    "COMMIT",
    "",
  ].join(";\n");
}

/** For whoever runs the SQL is another user than the one that Rhino will be. */
function grantsFor({ schema, user }: Settings): string[] {
  const [inSchema, to] = [quoteName(schema), quoteName(user)];
  return [
    `GRANT USAGE ON SCHEMA ${inSchema} TO ${to}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${
      TABLES.map((table) => `${inSchema}.${table}`).join(", ")
    } TO ${to}`,
    `GRANT SELECT ON ${VIEWS.map((view) => `${inSchema}.${view}`).join(", ")} TO ${to}`,
  ];
}
