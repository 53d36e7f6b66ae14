/** Looks at the server before it is used, and finds or makes the store on it. */

import type { Endpoint } from "./endpoint.ts";
import { describe, replyCode } from "./errors.ts";
import { BackendError, FIRST_HEAD, type OpenOptions } from "./kit.ts";
import type { Connection } from "./link.ts";
import { bytesOf, listOf } from "./replies.ts";
import { encodeHead, placeOf } from "./rows.ts";
import { probeKey, SCRIPTS, storeKeys } from "./scripts.ts";

/** Counts changes of how the store lies in Redis. */
const LAYOUT_VERSION = "1";
/** Scripts that say in front what they do. */
const REDIS_MAJOR_MIN = 7;
/** What a server may answer who does not let its settings be seen: by its user's rights, or as it has no such command. */
const HIDDEN = new Set(["NOPERM", "ERR"]);

type Facts = ReadonlyMap<string, string>;

/**
 * What every connection must be good for; the server may have been replaced or set differently since the last one.
 *
 * @throws {BackendError} `unavailable` or `unusable`, with what was found and what to do
 */
export async function checkServer(connection: Connection): Promise<void> {
  const facts = await readFacts(connection);
  const version = facts.get("redis_version") ?? "";
  if (Number.parseInt(version) < REDIS_MAJOR_MIN) {
    throw unusable(`it is Redis ${version}, and this backend needs ${REDIS_MAJOR_MIN}.0 or newer`);
  }
  if (facts.get("role") === "slave") {
    throw new BackendError("unavailable", "it is a replica, and takes no writes");
  }
  const policy = facts.get("maxmemory_policy") ?? "noeviction";
  if (policy !== "noeviction") {
    throw unusable(
      `its maxmemory-policy is ${policy}, by which it may delete data of the store: set it to noeviction`,
    );
  }
}

/** INFO's lines, by name. */
async function readFacts(connection: Connection): Promise<Facts> {
  const text = bytesOf(await connection.command(["INFO"])).toString();
  return new Map(
    text.split("\r\n").filter((line) => line.includes(":")).map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}

/** Says in one line how an acknowledged write can be lost, if it can. */
export async function warnOfLoss(connection: Connection, options: OpenOptions): Promise<void> {
  const facts = await readFacts(connection);
  const fsync = await setting(connection, "appendfsync");
  const loss = lossOf(facts, fsync);
  if (loss === null) return;
  options.log(
    "warn",
    `Redis may lose writes that were acknowledged: ${loss}; for writes that survive a crash set appendonly to yes ` +
      "and appendfsync to always",
  );
}

function lossOf(facts: Facts, fsync: string | null): string | null {
  if (facts.get("aof_enabled") !== "1") {
    return "appendonly is off, so a crash loses everything since its last snapshot";
  }
  switch (fsync) {
    case "always":
      return null;
    case "everysec":
      return "appendfsync is everysec, so a crash loses about a second";
    case null:
      return "it does not show its setting of appendfsync";
    default:
      return `appendfsync is ${fsync}, so a crash of its machine loses what the system had not written yet`;
  }
}

async function setting(connection: Connection, name: string): Promise<string | null> {
  try {
    const [, value] = listOf(await connection.command(["CONFIG", "GET", name]));
    return value === undefined ? null : bytesOf(value).toString();
  } catch (error) {
    if (HIDDEN.has(replyCode(error) ?? "")) return null;
    throw error;
  }
}

/**
 * Finds the store, or makes it.
 *
 * @throws {BackendError} `unusable`
 */
export async function openStore(
  connection: Connection,
  { endpoint, options }: { readonly endpoint: Endpoint; readonly options: OpenOptions },
): Promise<{ clusterId: bigint }> {
  const { prefix } = endpoint;
  const values = [
    options.createSchema ? "1" : "0",
    placeOf(FIRST_HEAD),
    encodeHead(FIRST_HEAD),
    String(BigInt.asUintN(64, options.randomId())),
    LAYOUT_VERSION,
  ];
  try {
    await connection.run(SCRIPTS.probe, { keys: [probeKey(prefix)], values: [] });
    const found = await connection.run(SCRIPTS.open, { keys: storeKeys(prefix), values });
    return storeFrom(listOf(found).map(String), { prefix, options });
  } catch (error) {
    if (error instanceof BackendError) throw error;
    const reason = replyCode(error) === "NOTOURS"
      ? `keys that begin with "{${prefix}}:" are there already and are not a store's: name another prefix`
      : describe(error);
    throw unusable(`Cannot open the store "${prefix}" in Redis: ${reason}`, error);
  }
}

function storeFrom(
  [version, cluster, isNew]: readonly string[],
  { prefix, options }: { readonly prefix: string; readonly options: OpenOptions },
): { clusterId: bigint } {
  if (version === undefined || cluster === undefined) {
    throw unusable(
      `There is no store "${prefix}" in this database of Redis, and --no-create is set: ` +
        "start once without it, or name the prefix of a store that is there",
    );
  }
  if (version !== LAYOUT_VERSION) {
    throw unusable(
      `The store "${prefix}" has layout version ${version}, and this backend knows version ${LAYOUT_VERSION}: ` +
        "use the backend that wrote it, or a newer one",
    );
  }
  if (isNew === "1") options.log("info", "store created in Redis", { prefix });
  return { clusterId: BigInt(cluster) };
}

function unusable(message: string, cause?: unknown): BackendError {
  return new BackendError("unusable", message, { cause });
}
