/** From a connection to a store of ours in its schema, or to one clear line that says why not. */

import { Buffer } from "node:buffer";
import { BackendError, type OpenOptions } from "../contract.ts";
import { openInTime } from "../sql/opening_time.ts";
import { oneLine } from "../sql/reasons.ts";
import { decodeInt } from "./decoding.ts";
import { sqlStateOf } from "./errors.ts";
import type { Session } from "./session.ts";
import { VIEW_COLUMNS } from "./views.ts";

/** Counts changes of the schema; what `createHead` writes. */
const SCHEMA_VERSION = 1;
const NO_RIGHT = "42501";
const NO_TABLE = "42P01";

export interface OpenedStore {
  readonly clusterId: bigint;
}

/** @throws {BackendError} `unusable` */
export async function openStore(
  session: Session,
  { schema, options }: { readonly schema: string; readonly options: OpenOptions },
): Promise<OpenedStore> {
  try {
    return await openInTime(session, async () => {
      if (!await hasTables(session, schema)) await createTables(session, { schema, options });
      const store = await readStore(session, options);
      await ensureViews(session, { schema, options });
      return store;
    });
  } catch (error) {
    if (error instanceof BackendError) throw error;
    throw new BackendError("unusable", explain(error, schema), { cause: error });
  }
}

async function hasTables(session: Session, schema: string): Promise<boolean> {
  const [row] = await session.rows("findSchema", [schema], 1);
  return row !== undefined && row[0] !== null;
}

/** One server makes them, the others wait for it. */
async function createTables(
  session: Session,
  { schema, options }: { readonly schema: string; readonly options: OpenOptions },
): Promise<void> {
  if (!options.createSchema) {
    throw new BackendError(
      "unusable",
      `Rhino's tables are missing in schema "${schema}" and --no-create is set: ` +
        "run what --print-schema prints",
    );
  }
  await session.script("beginCreation");
  try {
    const [row] = await session.rows("findSchema", [schema], 1);
    if (row === undefined) await session.script("createSchema");
    if (row === undefined || row[0] === null) {
      await session.script("createTables");
      await session.script("createViews");
      options.log("info", "tables created in PostgreSQL", { schema });
    }
    await session.script("commit");
  } catch (error) {
    await session.script("rollback").catch(() => session.distrust());
    throw error;
  }
}

/** Nothing depends on the views: without them, or with those of an older Rhino, the store opens all the same. */
async function ensureViews(
  session: Session,
  { schema, options }: { readonly schema: string; readonly options: OpenOptions },
): Promise<void> {
  if (await hasViews(session, schema)) return;
  let reason = "--no-create is set";
  if (options.createSchema) {
    try {
      await session.script("beginCreation");
      await session.script("hurry");
      if (!await hasViews(session, schema)) {
        await session.script("addTimes");
        await session.script("createViews");
      }
      await session.script("commit");
      return;
    } catch (error) {
      reason = oneLine(error);
      await session.script("rollback").catch(() => session.distrust());
    }
  }
  options.log(
    "info",
    "the views for reading with SQL are missing: run what --print-schema prints",
    {
      schema,
      reason,
    },
  );
}

async function hasViews(session: Session, schema: string): Promise<boolean> {
  const [row] = await session.rows("countViewColumns", [schema], 1);
  return decodeInt(row?.[0] ?? Buffer.alloc(8)) >= VIEW_COLUMNS;
}

async function readStore(session: Session, options: OpenOptions): Promise<OpenedStore> {
  const found = await readRow(session);
  // The first server to come makes the head; where others come at the same time, one of them.
  if (found === undefined) {
    const id = String(BigInt.asIntN(64, options.randomId()));
    await session.rows("createHead", [id], 0);
    await session.rows("createTrim", [], 0);
  }
  const [missing] = await session.rows("checkRights", [], 1);
  const without = missing?.[0]?.toString() ?? "";
  if (without !== "") {
    throw new BackendError(
      "unusable",
      `The user may not read and write ${without}: ` +
        "grant SELECT, INSERT, UPDATE and DELETE on Rhino's tables",
    );
  }
  const store = found ?? await readRow(session);
  const [version, cluster] = store ?? [];
  if (!version || !cluster) {
    throw new BackendError("unusable", "The store has no head after it was made");
  }
  const number = version.readInt32BE();
  if (number !== SCHEMA_VERSION) {
    throw new BackendError(
      "unusable",
      `The store has schema version ${number}, and this Rhino knows version ${SCHEMA_VERSION}: ` +
        "run the Rhino that wrote it, or a newer one",
    );
  }
  return { clusterId: BigInt.asUintN(64, cluster.readBigInt64BE()) };
}

async function readRow(session: Session) {
  const [row] = await session.rows("readStore", [], 2);
  return row;
}

function explain(error: unknown, schema: string): string {
  const reason = oneLine(error);
  switch (sqlStateOf(error)) {
    case NO_RIGHT:
      return `Cannot make or use Rhino's tables in schema "${schema}": ${reason}; ` +
        "grant the right, or run what --print-schema prints as a user that has it";
    case NO_TABLE:
      return `Some of Rhino's tables are missing in schema "${schema}": ${reason}; restore them, or use an empty schema`;
    default:
      return `Cannot open the store in schema "${schema}": ${reason}`;
  }
}
