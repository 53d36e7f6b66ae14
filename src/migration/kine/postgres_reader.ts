/** A PostgreSQL database, read in one transaction. */
import type { ConnectionOptions } from "node:tls";
// @ts-types="@types/pg"
import pg from "pg";
import { sqlStateOf } from "../../../backends/postgres/errors.ts";
import { parseSettings, type Settings } from "../../../backends/postgres/settings.ts";
import type { HostPort } from "../../../backends/sql/endpoint.ts";
import { networkReason, oneLine, showHost } from "../../../backends/sql/reasons.ts";
import type { Cell, SqlReader } from "./sql_reader.ts";

export async function openPostgres(endpoint: string): Promise<SqlReader> {
  const settings = parseSettings(endpoint);
  const failures: string[] = [];
  for (const host of settings.hosts) {
    try {
      return readerOf(await connect(settings, host));
    } catch (error) {
      const reason = networkReason(error) ?? oneLine(error);
      failures.push(`PostgreSQL at ${showHost(host)}: ${reason}`);
    }
  }
  throw new Error(failures.join("; "));
}

/** With `prefer`, a server that has no TLS is spoken to without. */
async function connect(settings: Settings, host: HostPort): Promise<pg.Client> {
  try {
    return await begin(settings, host, settings.tls);
  } catch (error) {
    const isAnswer = sqlStateOf(error) !== null || networkReason(error) !== null;
    if (settings.tls === null || settings.tlsMode !== "prefer" || isAnswer) throw error;
    return await begin(settings, host, null);
  }
}

async function begin(
  { user, password, database, connectTimeoutMs }: Settings,
  { host, port }: HostPort,
  tls: ConnectionOptions | null,
): Promise<pg.Client> {
  const client = new pg.Client({
    host,
    port,
    user,
    ...(password === null ? {} : { password }),
    database,
    application_name: "rhino migrate",
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    ssl: tls ?? false,
  });
  // A query that runs is told by itself.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  } catch (error) {
    client.end().catch(() => {});
    throw error;
  }
  return client;
}

function readerOf(client: pg.Client): SqlReader {
  return {
    async rows(text) {
      const { rows } = await client.query<Cell[]>({ text, rowMode: "array" });
      return rows;
    },
    async [Symbol.asyncDispose]() {
      await client.end().catch(() => {});
    },
  };
}
