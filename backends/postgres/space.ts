/** How much room the store takes up, and giving it back. */

import type { Size } from "../contract.ts";
import { decodeInt } from "./decoding.ts";
import type { Session } from "./session.ts";
import { quoteName } from "./statements.ts";

/** Whoever asks again within this time gets the same answer: a quota asks before every write. */
const SIZE_KEPT_MS = 1_000;
/** But not after this server has appended so many bytes: a full disk comes faster than a second. */
const SIZE_KEPT_BYTES = 512 * 1024;

/**
 * Sizes of the tables that hold data, with indexes and what is stored out of line; those that are written over again and
 * again (head, ring, members) do not count. What is in use is an estimate: PostgreSQL knows how many rows are dead, not how
 * much of the room that vacuuming has freed.
 */
export async function readSize(session: Session, schema: string): Promise<Size> {
  const [row] = await session.rows("size", [quoteName(schema)], 3);
  const [total = 0, dead = 0, empty = 0] = (row ?? []).map((size) =>
    size === null ? 0 : decodeInt(size)
  );
  return { total, inUse: Math.max(empty, total - dead), empty: Math.min(empty, total) };
}

export interface KeptSize {
  get(): Promise<Size>;
  /** Told of bytes that were appended. */
  grow(bytes: number): void;
  forget(): void;
}

/** Remembers an answer for a while, and asks once for all who ask at the same time. */
export function keepSize(read: () => Promise<Size>): KeptSize {
  let kept: { readonly size: Promise<Size>; readonly untilMs: number } | null = null;
  let grown = 0;
  return {
    get() {
      if (kept !== null && performance.now() < kept.untilMs) return kept.size;
      const asked = { size: read(), untilMs: performance.now() + SIZE_KEPT_MS };
      kept = asked;
      grown = 0;
      // A failure is the answer only of those who were waiting for it.
      asked.size.catch(() => {
        if (kept === asked) kept = null;
      });
      return asked.size;
    },
    grow(bytes) {
      grown += bytes;
      if (grown >= SIZE_KEPT_BYTES) kept = null;
    },
    forget: () => kept = null,
  };
}

/**
 * Writes the two large tables anew, without holes. Each is locked meanwhile, as a member of etcd is by its own
 * defragmentation; the others are small, and vacuuming them is enough.
 */
export async function defragment(session: Session): Promise<void> {
  await session.script("defragmentLog");
  await session.script("defragmentCurrent");
  await session.script("defragmentLeases");
  await session.script("defragmentRecords");
}
