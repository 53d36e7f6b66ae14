/** Opening a store: connecting, looking whether the server is fit for it, making the tables. */

import { BackendError, type OpenOptions } from "../contract.ts";
import { openInTime } from "../sql/opening_time.ts";
import { oneLine } from "../sql/reasons.ts";
import { type Connect, createConnect, type ServerSettings } from "./connecting.ts";
import { serverErrno } from "./errors.ts";
import { parseLocation } from "./location.ts";
import { dropStore, ensureSchema } from "./schema.ts";
import type { Session } from "./session.ts";
import { STATEMENTS } from "./statements.ts";

/** A request of 1.5 MiB with each byte escaped, several times over; MariaDB's default. */
const PACKET_BYTES_MIN = 16 * 1024 * 1024;

export interface OpenedStore {
  readonly connect: Connect;
  /** The connection that the opening was done with. */
  readonly session: Session;
  readonly clusterId: bigint;
  /** Whether others may see a commit before it is on disk. */
  readonly showsUnsynced: boolean;
  /** Whether the server ends a statement that takes too long. */
  readonly hasStatementTime: boolean;
}

/** @throws {BackendError} `unusable`, with one clear line */
export async function openStore(endpoint: string, options: OpenOptions): Promise<OpenedStore> {
  const location = parseLocation(endpoint);
  if (location.ignored.length > 0) {
    options.log("warn", "URL parameters have no effect on MySQL", { parameters: location.ignored });
  }
  const connect = createConnect(location, options.onStatement);
  let session: Session | undefined;
  try {
    const connected = await connect({ locksLittle: false });
    const { settings } = connected;
    session = connected.session;
    checkSettings(settings, options);
    const clusterId = await prepareStore(session, options);
    const showsUnsynced = showsCommitsEarly(settings);
    const hasStatementTime = settings.has("max_statement_time");
    return { connect, session, clusterId, showsUnsynced, hasStatementTime };
  } catch (error) {
    session?.destroy();
    await session?.closed;
    throw toUnusable(error, location);
  }
}

/** @throws {BackendError} `unusable`, with one clear line */
export async function removeStore(endpoint: string, options: OpenOptions): Promise<void> {
  const location = parseLocation(endpoint);
  let session: Session | undefined;
  try {
    const opened =
      (await createConnect(location, options.onStatement)({ locksLittle: false })).session;
    session = opened;
    await openInTime(opened, () => dropStore(opened));
  } catch (error) {
    throw toUnusable(error, location);
  } finally {
    session?.destroy();
    await session?.closed;
  }
}

function prepareStore(session: Session, options: OpenOptions): Promise<bigint> {
  return openInTime(session, async () => {
    const { clusterId } = await ensureSchema(session, options);
    await session.run([STATEMENTS.tryWriting, STATEMENTS.settle]);
    return clusterId;
  });
}

export function checkSettings(settings: ServerSettings, { log }: OpenOptions): void {
  const packetBytesMax = Number(settings.get("max_allowed_packet"));
  if (packetBytesMax < PACKET_BYTES_MIN) {
    throw unusable(
      `the server's max_allowed_packet is ${packetBytesMax}: set it to ${PACKET_BYTES_MIN} or more`,
    );
  }
  const hasBinlog = settings.get("log_bin") === "ON";
  if (hasBinlog && settings.get("binlog_format") === "STATEMENT") {
    throw unusable("the server's binlog_format is STATEMENT: set it to ROW (or MIXED)");
  }
  if (settings.get("innodb_flush_log_at_trx_commit") !== "1") {
    log("warn", "the server may lose acknowledged writes: innodb_flush_log_at_trx_commit is not 1");
  } else if (hasBinlog && settings.get("sync_binlog") !== "1") {
    log(
      "warn",
      "the server may lose acknowledged writes when its machine fails: sync_binlog is not 1",
    );
  }
}

/**
 * InnoDB shows a commit to others, and only then syncs its log. With a binary log the sync comes first, and a Galera
 * cluster has the commit on its other nodes by then. Where commits are not synced at all there is nothing to wait for.
 */
export function showsCommitsEarly(settings: ServerSettings): boolean {
  return settings.get("innodb_flush_log_at_trx_commit") === "1" &&
    settings.get("log_bin") !== "ON" && settings.get("wsrep_on") !== "ON";
}

function toUnusable(
  error: unknown,
  { user, database }: { user: string; database: string },
): unknown {
  if (error instanceof BackendError) {
    return error.kind === "unusable" ? error : unusable(error.message, error);
  }
  switch (serverErrno(error)) {
    case null:
      return error instanceof Error && "code" in error ? unusable(oneLine(error), error) : error;
    case 1142:
    case 1044:
      return unusable(
        `user "${user}" may not create or use Rhino's tables in database "${database}" (${
          oneLine(error)
        }): GRANT ALL ON it, or create them yourself (--print-schema) and grant SELECT, INSERT, UPDATE, DELETE`,
        error,
      );
    case 1071:
      return unusable(
        `the server's innodb_page_size is too small for keys of Rhino (${oneLine(error)})`,
        error,
      );
    default:
      return unusable(`${oneLine(error)} (${serverErrno(error)})`, error);
  }
}

function unusable(reason: string, cause?: unknown): BackendError {
  return new BackendError("unusable", `Cannot open the store: ${reason}`, { cause });
}
