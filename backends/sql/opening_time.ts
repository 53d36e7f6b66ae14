/** A bound for all that happens on the first connection before a store is open. */

import { BackendError } from "../contract.ts";

/** Another server that makes the tables is waited for, and then they are made; each statement has bounds of its own. */
const OPENING_S_MAX = 30;

/**
 * Opens a store on a connection, which is destroyed when that takes too long.
 *
 * @throws {BackendError} `unusable` then; else what the work throws
 */
export async function openInTime<T>(
  connection: { destroy(): void },
  work: () => Promise<T>,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(
      new BackendError(
        "unusable",
        `Cannot open the store: the database did not finish within ${OPENING_S_MAX} s what is asked of it first; see what holds it up`,
      ),
    );
    connection.destroy();
  }, OPENING_S_MAX * 1_000);
  const working = work();
  // What comes too late is nobody's.
  working.catch(() => {});
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}
