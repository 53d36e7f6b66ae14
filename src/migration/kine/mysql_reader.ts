/** A MySQL or MariaDB database, read in one transaction. */
import { serverErrno } from "../../../backends/mysql/errors.ts";
import { type Location, parseLocation } from "../../../backends/mysql/location.ts";
import { openSession, type Session } from "../../../backends/mysql/session.ts";
import type { HostPort } from "../../../backends/sql/endpoint.ts";
import { codeOf, networkReason, oneLine, showHost } from "../../../backends/sql/reasons.ts";
import type { Cell, SqlReader } from "./sql_reader.ts";

export async function openMysql(endpoint: string): Promise<SqlReader> {
  const location = parseLocation(endpoint);
  const failures: string[] = [];
  for (const host of location.hosts) {
    try {
      return await begin(await connect(location, host));
    } catch (error) {
      const reason = serverErrno(error) === null ? networkReason(error) : null;
      failures.push(`MySQL at ${showHost(host)}: ${reason ?? oneLine(error)}`);
    }
  }
  throw new Error(failures.join("; "));
}

async function connect(location: Location, host: HostPort): Promise<Session> {
  try {
    return await openSession(location, { host, usesTls: true });
  } catch (error) {
    if (!location.takesPlain || codeOf(error) !== "HANDSHAKE_NO_SSL_SUPPORT") throw error;
    return await openSession(location, { host, usesTls: false });
  }
}

async function begin(session: Session): Promise<SqlReader> {
  await session.run([
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
  ]);
  return {
    // What the session says of cells is what is said here.
    rows: async (statement) => await session.rows(statement) as readonly (readonly Cell[])[],
    [Symbol.asyncDispose]() {
      session.destroy();
      return session.closed;
    },
  };
}
