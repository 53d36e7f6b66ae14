/** What has to be asked for before metrics can be told, each in bounded time: a scrape never waits long for a store. */

import { atMost } from "../at_most.ts";
import type { Size } from "../../backends/contract.ts";
import { SORT_ORDER, SORT_TARGET } from "../mvcc/types.ts";
import type { RangeOp } from "../mvcc/types.ts";
import type { Store } from "../mvcc/store.ts";
import { type ProcessFacts, readProcess } from "./process_facts.ts";
import { Reading } from "./reading.ts";

export interface Facts {
  /** Whether the store answers. */
  readonly hasLeader: boolean;
  readonly size: Size | undefined;
  /** Keys that live. */
  readonly keys: number | undefined;
  readonly process: ProcessFacts;
}

/** Space and number of keys are not asked for more often. */
const MAX_AGE_MS = 15_000;
/** For each of them; all are waited for at once. */
const WAIT_MS = 500;
/** A store that takes longer to say where it stands does not answer. */
const HEAD_WAIT_MS = 1_000;

const COUNT_ALL: RangeOp = {
  kind: "range",
  range: { start: new Uint8Array(0), end: null, single: false },
  revision: 0,
  limit: 0,
  sortOrder: SORT_ORDER.NONE,
  sortTarget: SORT_TARGET.KEY,
  keysOnly: false,
  countOnly: true,
  serializable: true,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};

/** Makes the function that asks. */
export function factsOf(store: Store, now: () => number): () => Promise<Facts> {
  const limits = { maxAgeMs: MAX_AGE_MS, waitMs: WAIT_MS, now };
  const size = new Reading({ ...limits, read: () => store.backend.size() });
  // Counted once, it is kept up to date by each commit.
  const keys = new Reading({
    ...limits,
    read: async () => (await store.reader.range(COUNT_ALL)).count,
  });
  return async () => {
    const [hasLeader, sizeNow, keysNow] = await Promise.all([
      answers(store),
      size.get(),
      keys.get(),
    ]);
    return { hasLeader, size: sizeNow, keys: keysNow, process: readProcess() };
  };
}

async function answers({ backend }: Store): Promise<boolean> {
  let isThere = false;
  const asked = backend.head().then(() => void (isThere = true), () => {});
  await atMost(asked, HEAD_WAIT_MS);
  return isThere;
}
