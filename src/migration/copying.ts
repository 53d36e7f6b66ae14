/** From a source to a store: written, read back, compared, and only then given out. */
import type { Backend } from "../../backends/contract.ts";
import { LEASES_LISTED_MAX } from "../limits.ts";
import { RowSum, sumStore } from "./row_sum.ts";
import { MIGRATION_RECORD } from "./mark.ts";
import { MigrationError, type Report, type Source, type SourceEnd } from "./source.ts";
import { Target } from "./target.ts";

/** What was copied. */
export interface Copied extends SourceEnd {
  readonly rows: number;
  /** Of keys and values with all that belongs to them. */
  readonly bytes: number;
  /** Alive at the newest revision. */
  readonly keys: number;
  readonly leases: number;
  readonly records: number;
  /** etcd's, for the newest revision. */
  readonly hashKv: number;
}

interface Told {
  readonly sum: RowSum;
  leases: number;
  records: number;
}

/**
 * @throws {MigrationError} if the store is not empty (then nothing was changed), if the source is not sound, or if what is
 * read back is not what was written; then the store stays marked, so that nobody serves it
 */
export async function copyInto(backend: Backend, source: Source, report: Report): Promise<Copied> {
  const target = await Target.begin(backend, source.name);
  const told: Told = { sum: new RowSum(), leases: 0, records: 0 };
  const end = await copyAll(target, { source, told, report });
  await target.settle(end);
  const copied = await verify(backend, { end, told, report });
  await target.release();
  return copied;
}

async function copyAll(
  target: Target,
  { source, told, report }: { source: Source; told: Told; report: Report },
): Promise<SourceEnd> {
  const portions = source.portions();
  for (;;) { // Ends with the source.
    const next = await portions.next();
    if (next.done) return next.value;
    for (const row of next.value.rows) told.sum.add(row);
    told.leases += next.value.leases.length;
    told.records += next.value.records.length;
    await target.add(next.value);
    const { rows, bytes } = told.sum;
    report({ what: "copying", fraction: source.fraction, revision: target.revision, rows, bytes });
  }
}

/** Reads all of it back: from here on the store itself is what is believed. */
async function verify(
  backend: Backend,
  { end, told, report }: { end: SourceEnd; told: Told; report: Report },
): Promise<Copied> {
  let [rows, bytes] = [0, 0];
  const { sum, hashKv, liveKeys } = await sumStore(backend, end, (page) => {
    rows += page.length;
    for (const { kv } of page) bytes += kv.length;
    const revision = page.at(-1)?.revision ?? 0;
    report({ what: "verifying", fraction: rows / told.sum.rows, revision, rows, bytes });
  });
  const { leases } = await backend.leases(LEASES_LISTED_MAX);
  const { records } = await backend.records("");
  const found = {
    rows: sum.rows,
    sum: sum.value,
    leases: leases.length,
    records: records.filter(([name]) => name !== MIGRATION_RECORD).length,
  };
  const wanted = {
    rows: told.sum.rows,
    sum: told.sum.value,
    leases: told.leases,
    records: told.records,
  };
  const different = Object.entries(wanted).find(([name, value]) => {
    return found[name as keyof typeof found] !== value; // The two have the same names.
  });
  if (different !== undefined) {
    const [name, value] = different;
    throw new MigrationError(
      `what was copied is not what is read back: ${value} ${name} written, ${
        found[name as keyof typeof found]
      } found; the store is not used`,
    );
  }
  const { leases: leaseCount, records: recordCount } = found;
  return {
    ...end,
    rows: sum.rows,
    bytes: sum.bytes,
    keys: liveKeys,
    leases: leaseCount,
    records: recordCount,
    hashKv,
  };
}
