/**
 * The mark of a copy that is not whole yet: a record, there from the first batch to the last. Nobody serves a store that
 * has it.
 */
import { Buffer } from "node:buffer";
import { type Backend, BackendError } from "../../backends/contract.ts";

export const MIGRATION_RECORD = "migration";

export function markOf(source: string): Uint8Array {
  return Buffer.from(source);
}

/** The source of the copy that the store was to become; `null` if it is no half-done copy. */
export async function unfinishedSource(backend: Backend): Promise<string | null> {
  const query = { keys: [], leases: [], records: [MIGRATION_RECORD], revision: 0 };
  const { records: [mark = null] } = await backend.load(query);
  return mark === null ? null : Buffer.from(mark).toString();
}

/** @throws {BackendError} `unusable` if the store is a copy that is not whole */
export async function refuseUnfinished(backend: Backend): Promise<void> {
  const source = await unfinishedSource(backend);
  if (source === null) return;
  throw new BackendError(
    "unusable",
    `Cannot serve the store: it is a half-done copy of ${source}; run rhino migrate again, or remove it`,
  );
}
