/** Making the tables where there are none, also when several servers start at once, and checking what is there. */

import { BackendError, type OpenOptions } from "../contract.ts";
import { oneLine } from "../sql/reasons.ts";
import { BAD_NULL, isConflict, NO_SUCH_TABLE, serverErrno } from "./errors.ts";
import { fillIn } from "./literals.ts";
import type { Session } from "./session.ts";
import { SCHEMA_VERSION, STATEMENTS, TABLES, VIEWS } from "./statements.ts";

/**
 * Wait for another server that makes the tables. After that they are made all the same: the lock only saves work, and in
 * a Galera cluster it is known to one node.
 */
const CREATION_WAIT_S = 10;
/** Attempts while others make the same rows at other nodes of a cluster. */
const ATTEMPTS_MAX = 5;

export interface Identity {
  readonly clusterId: bigint;
}

/** All that `--print-schema` prints: what the first server would run. */
export function schemaText(): string {
  return [...Object.values(TABLES), ...Object.values(VIEWS)].map((text) => `${text};\n`).join("\n");
}

/** @throws {BackendError} `unusable` */
export async function ensureSchema(session: Session, options: OpenOptions): Promise<Identity> {
  for (let attempt = 1;; attempt++) { // Ends with the store's identity, or after ATTEMPTS_MAX.
    const found = await readIdentity(session);
    if (found !== null) return found;
    try {
      await createStore(session, options);
    } catch (error) {
      if (!isConflict(error) || serverErrno(error) === BAD_NULL || attempt === ATTEMPTS_MAX) {
        throw error;
      }
    }
    if (attempt === ATTEMPTS_MAX) throw unusable("the tables were made, but have no head");
  }
}

/** `null` if there is no store, or one whose making was interrupted: the head is what is made last. */
async function readIdentity(session: Session): Promise<Identity | null> {
  let row: readonly [clusterId: number | string, version: number] | undefined;
  try {
    [row] = await session.rows<[number | string, number]>(STATEMENTS.readIdentity);
  } catch (error) {
    if (serverErrno(error) === NO_SUCH_TABLE) return null;
    throw error;
  }
  if (row === undefined) return null;
  const [clusterId, version] = row;
  if (version !== SCHEMA_VERSION) {
    throw unusable(
      `its tables have schema version ${version}, this Rhino knows ${SCHEMA_VERSION}: use a Rhino that fits them`,
    );
  }
  return { clusterId: BigInt(clusterId) };
}

/** The views first: they stand on the tables. */
export async function dropStore(session: Session): Promise<void> {
  await session.change(`DROP VIEW IF EXISTS ${Object.keys(VIEWS).join(", ")}`);
  await session.change(`DROP TABLE IF EXISTS ${Object.keys(TABLES).join(", ")}`);
}

async function createStore(session: Session, options: OpenOptions): Promise<void> {
  if (!options.createSchema) {
    await createRows(session, options);
    return;
  }
  const isLocked = await lockCreation(session);
  try {
    for (const text of Object.values(TABLES)) await session.change(text);
    if (await createRows(session, options)) await createViews(session, options);
  } finally {
    // A connection that broke has let go of it.
    if (isLocked && session.isUsable) await session.rows(STATEMENTS.unlockCreation);
  }
}

/** Some clusters refuse such locks. */
async function lockCreation(session: Session): Promise<boolean> {
  try {
    const lock = fillIn(STATEMENTS.lockCreation, { waitS: CREATION_WAIT_S });
    const [row] = await session.rows<[number | null]>(lock);
    return row?.[0] === 1;
  } catch (error) {
    if (serverErrno(error) === null) throw error;
    return false;
  }
}

/**
 * Nothing depends on them. Only whoever made the head makes them: two nodes of a Galera cluster that run the same `CREATE
 * VIEW` at once wait for each other for ever, and the lock above is known to one node only.
 */
async function createViews(session: Session, { log }: OpenOptions): Promise<void> {
  try {
    for (const text of Object.values(VIEWS)) await session.change(text);
  } catch (error) {
    if (serverErrno(error) === null) throw error;
    log("debug", "the views for reading by hand are missing", { error: oneLine(error) });
  }
}

/** Answers whether this server has made the head, and so no other. */
async function createRows(session: Session, { randomId }: OpenOptions): Promise<boolean> {
  try {
    await session.run([STATEMENTS.checkTables, STATEMENTS.head]);
  } catch (error) {
    if (serverErrno(error) !== NO_SUCH_TABLE) throw error;
    throw unusable(
      "Rhino's tables are missing and --no-create is set: run what --print-schema prints",
    );
  }
  await session.change(STATEMENTS.createTrim);
  const made = await session.change(
    fillIn(STATEMENTS.createHead, { clusterId: randomId(), schemaVersion: SCHEMA_VERSION }),
  );
  return made === 1;
}

function unusable(reason: string): BackendError {
  return new BackendError("unusable", `Cannot open the store: ${reason}`);
}
