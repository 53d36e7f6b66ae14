/**
 * Waiting until what a read saw is on disk.
 *
 * Without a binary log InnoDB shows a commit to others first and syncs its log then: were the machine to fail in between, a
 * read would have answered what never was. So a read that sees a head of which nobody knows that it is on disk waits: for
 * the answer to its own append, if the head is that append's, or else for a small commit of its own, which cannot be on
 * disk before what went before it is.
 */

import type { Head } from "../contract.ts";
import type { BatchPlace } from "../sql/ring.ts";

export interface Settling {
  /** Told of an append before it is sent; the promise answers whether it is surely on disk. */
  appending(place: BatchPlace, done: Promise<boolean>): void;
  /** Settles when the head is on disk. */
  settled(head: Head): Promise<void>;
  /** What was known is forgotten: the server may be another one. */
  forget(): void;
}

/** For servers that show no commit before it is on disk, and for those that never wait for it. */
export const NO_SETTLING: Settling = {
  appending() {},
  settled: () => Promise.resolve(),
  forget() {},
};

/** `commit` writes something that is on disk when it settles. */
export function createSettling(commit: () => Promise<void>): Settling {
  /** On disk, with all before it. */
  let durable = 0;
  let own: (BatchPlace & { readonly done: Promise<boolean> }) | null = null;
  /** The commit that runs, and the one that begins behind it: what was seen before a commit begins, it covers. */
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let seen = 0;

  function settleAll(): Promise<void> {
    if (running === null) {
      running = commitSeen().finally(() => running = null);
      return running;
    }
    next ??= running.catch(() => {}).then(() => {
      next = null;
      return settleAll();
    });
    return next;
  }

  async function commitSeen(): Promise<void> {
    const covered = seen;
    await commit();
    durable = Math.max(durable, covered);
  }

  return {
    appending({ index, batchId }, done) {
      own = { index, batchId, done };
      void done.then((isDone) => {
        if (isDone) durable = Math.max(durable, index);
      });
    },

    async settled({ index, batchId }) {
      if (index <= durable) return;
      const isOwn = own !== null && own.index === index && own.batchId === batchId;
      if (isOwn && await own?.done) return;
      seen = Math.max(seen, index);
      await settleAll();
    },

    forget() {
      durable = 0;
    },
  };
}
