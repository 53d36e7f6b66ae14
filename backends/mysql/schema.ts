/** Making the tables where there are none, also when several servers start at once, and checking what is there. */

import { setTimeout } from "node:timers/promises";
import { BackendError, type OpenOptions } from "../contract.ts";
import { oneLine } from "../sql/reasons.ts";
import { BAD_NULL, isConflict, NO_SUCH_TABLE, serverErrno } from "./errors.ts";
import { LOCK_WAIT_S } from "./connecting.ts";
import { fillIn } from "./literals.ts";
import type { Session } from "./session.ts";
import { SCHEMA_VERSION, STATEMENTS, TABLES } from "./statements.ts";
import { VIEW_COLUMNS, VIEWS, WRITTEN_AT } from "./views.ts";

/**
 * Wait for another server that makes the tables. After that they are made all the same: the lock only saves work, and in
 * a Galera cluster it is known to one node.
 */
const CREATION_WAIT_S = 10;
/** For a table's lock, for which others wait behind whoever wants to change the table. */
const TABLE_WAIT_S = 2;
/** While another node of a cluster makes the views. */
const VIEW_LOOKS_MAX = 10;
const VIEW_LOOK_MS = 200;
/** Attempts while others make the same rows at other nodes of a cluster. */
const ATTEMPTS_MAX = 5;

export interface Identity {
  readonly clusterId: bigint;
}

/** All that `--print-schema` prints: what servers would run. It can be run again. */
export function schemaText(): string {
  const statements = [...Object.values(TABLES), ...WRITTEN_AT, ...Object.values(VIEWS)];
  return statements.map((text) => `${text};\n`).join("\n");
}

/** @throws {BackendError} `unusable` */
export async function ensureSchema(session: Session, options: OpenOptions): Promise<Identity> {
  const identity = await ensureStore(session, options);
  await ensureViews(session, options);
  return identity;
}

async function ensureStore(session: Session, options: OpenOptions): Promise<Identity> {
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

async function createStore(session: Session, options: OpenOptions): Promise<void> {
  if (!options.createSchema) {
    await createRows(session, options);
    return;
  }
  const isLocked = await lockCreation(session);
  try {
    for (const text of Object.values(TABLES)) await session.change(text);
    await createRows(session, options);
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

/** Nothing depends on the views: without them, or with those of an older Rhino, the store opens all the same. */
async function ensureViews(session: Session, { createSchema, log }: OpenOptions): Promise<void> {
  if (await hasViews(session)) return;
  let reason = "--no-create is set";
  if (createSchema) {
    try {
      if (await createViews(session)) return;
      reason = "another node of the cluster began to make them, and did not end";
    } catch (error) {
      if (serverErrno(error) === null) throw error;
      reason = oneLine(error);
    }
  }
  const message = "the views for reading with SQL are missing: run what --print-schema prints";
  log("info", message, { reason });
}

async function hasViews(session: Session): Promise<boolean> {
  const [row] = await session.rows<[number]>(STATEMENTS.countViewColumns);
  return (row?.[0] ?? 0) >= VIEW_COLUMNS;
}

/** False if another has begun to, and did not end. */
async function createViews(session: Session): Promise<boolean> {
  const isLocked = await lockCreation(session);
  try {
    if (await hasViews(session)) return true;
    if (session.isClustered && !await claimViews(session)) return await waitForViews(session);
    await session.rows(fillIn(STATEMENTS.setTableWait, { waitS: TABLE_WAIT_S }));
    for (const text of [...WRITTEN_AT, ...Object.values(VIEWS)]) await session.change(text);
    return true;
  } finally {
    if (session.isUsable) {
      await session.rows(fillIn(STATEMENTS.setTableWait, { waitS: LOCK_WAIT_S }));
      // A connection that broke has let go of it.
      if (isLocked) await session.rows(STATEMENTS.unlockCreation);
    }
  }
}

async function waitForViews(session: Session): Promise<boolean> {
  for (let look = 0; look < VIEW_LOOKS_MAX; look++) {
    if (await hasViews(session)) return true;
    await setTimeout(VIEW_LOOK_MS);
  }
  return await hasViews(session);
}

/**
 * Two nodes of a Galera cluster that run the same `CREATE VIEW` at once wait for each other for ever, and the lock is known
 * to one node only. Of those who write the same row one changes it.
 */
async function claimViews(session: Session): Promise<boolean> {
  try {
    await session.change(STATEMENTS.prepareClaim);
    return await session.change(fillIn(STATEMENTS.claimViews, { columns: VIEW_COLUMNS })) === 1;
  } catch (error) {
    if (!isConflict(error)) throw error;
    return false;
  }
}

async function createRows(session: Session, { randomId }: OpenOptions): Promise<void> {
  try {
    await session.run([STATEMENTS.checkTables, STATEMENTS.head]);
  } catch (error) {
    if (serverErrno(error) !== NO_SUCH_TABLE) throw error;
    throw unusable(
      "Rhino's tables are missing and --no-create is set: run what --print-schema prints",
    );
  }
  await session.change(STATEMENTS.createTrim);
  await session.change(
    fillIn(STATEMENTS.createHead, { clusterId: randomId(), schemaVersion: SCHEMA_VERSION }),
  );
}

function unusable(reason: string): BackendError {
  return new BackendError("unusable", `Cannot open the store: ${reason}`);
}
