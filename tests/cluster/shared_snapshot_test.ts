/** Snapshots of a store that several servers write, compact and trim. */

import assert from "node:assert/strict";
import { assertWhole, snapshotOf } from "../services/snapshot_contents.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { revisionOf } from "../support/readable.ts";
import { op } from "../support/txn_parts.ts";
import { clusterTest } from "./cluster_case.ts";

const SNAPSHOTS = 8;
const WRITES_A_COMPACTION = 150;

/** Puts pairs of keys until told to stop, and compacts now and then. */
async function writePairs(
  { kv }: EtcdClient,
  { written, isOver }: {
    readonly written: (revision: bigint) => void;
    readonly isOver: () => boolean;
  },
): Promise<void> {
  for (let round = 0; !isOver(); round++) {
    const pair = ["x", "y"].map((key) => op.put({ key: `${key}${round % 40}`, value: `${round}` }));
    const revision = revisionOf(await kv.txn({ success: pair }));
    written(revision);
    if (round % WRITES_A_COMPACTION === WRITES_A_COMPACTION - 1) {
      // Another server may have gone further already.
      await kv.compact({ revision: revision - 30n }).catch(() => {});
    }
  }
}

clusterTest("a snapshot is of one moment, and holds what was acknowledged anywhere before", {
  fresh: true,
}, async ({ servers }) => {
  const [reading, ...others] = servers.clients;
  assert(reading !== undefined);
  let newest = 0n;
  let isOver = false;
  const written = (revision: bigint) => {
    if (revision > newest) newest = revision;
  };
  const writing = others.map((client) => writePairs(client, { written, isOver: () => isOver }));
  try {
    let before = 0;
    for (let count = 0; count < SNAPSHOTS; count++) {
      const acknowledged = Number(newest);
      const last = assertWhole(await snapshotOf(reading), 2);
      assert.ok(last >= acknowledged && last >= before, `${last} after ${acknowledged}, ${before}`);
      before = last;
    }
  } finally {
    isOver = true;
    await Promise.all(writing);
  }
});
