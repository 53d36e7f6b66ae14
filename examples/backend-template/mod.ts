/**
 * A backend for Rhino, as a template: a complete one, for a toy store of ordered keys (`shelf_server.ts`).
 *
 *     deno bundle --output shelf.js mod.ts
 *     rhino --backend shelf=./shelf.js --endpoint shelf://127.0.0.1:4100/mine
 *
 * To make it yours, begin with `shelf.ts`, then `layout.ts` if your store has no ordered keys; README.md tells more.
 */

import { type Backend, BackendError, FIRST_HEAD, type OpenOptions } from "@rhino/rhino/contract";
import { FIRST_TRIM } from "@rhino/rhino/kit";
import { encodeJson, HEAD, TRIM } from "./layout.ts";
import { readHead } from "./reading.ts";
import { connectShelf, type Shelf } from "./shelf.ts";
import { ShelfBackend, type StoredHead } from "./shelf_backend.ts";

/** The version of the contract that this module was written for. */
export const contractVersion = 1;

/** Opens `shelf://HOST:PORT/NAME`, and makes the store where there is none. */
export async function open(endpoint: string, options: OpenOptions): Promise<Backend> {
  const shelf = connectShelf(endpoint);
  try {
    return new ShelfBackend(shelf, { ...options, clusterId: await ensureStore(shelf, options) });
  } catch (error) {
    shelf.close();
    if (!(error instanceof BackendError)) throw error;
    // What cannot be reached at the start is not waited for: it may be a mistake in the configuration.
    throw new BackendError("unusable", `Cannot open the shelf: ${error.message}`, { cause: error });
  }
}

/** For the conformance suite. */
export async function remove(endpoint: string): Promise<void> {
  const shelf = connectShelf(endpoint);
  await shelf.remove();
  shelf.close();
}

/** Answers the cluster id. Where several servers come at once, the first makes the store and the others find it. */
async function ensureStore(shelf: Shelf, options: OpenOptions): Promise<bigint> {
  const found = await readHead(shelf);
  if (found.stored !== null) return BigInt(found.stored.clusterId);
  if (!options.createSchema) {
    throw new BackendError("unusable", "there is no store, and --no-create forbids to make one");
  }
  const stored: StoredHead = {
    head: FIRST_HEAD,
    clusterId: String(options.randomId()),
    leaseTime: { appendedAtMs: found.nowMs, pauseMs: 0 },
  };
  try {
    const writes = [[HEAD, encodeJson(stored)], [TRIM, encodeJson(FIRST_TRIM)]] as const;
    await shelf.commit({ checks: [[HEAD, null]], writes });
  } catch (error) {
    if (!(error instanceof BackendError) || error.kind !== "conflict") throw error;
  }
  const made = (await readHead(shelf)).stored;
  if (made === null) throw new BackendError("unusable", "the store is gone after it was made");
  return BigInt(made.clusterId);
}
