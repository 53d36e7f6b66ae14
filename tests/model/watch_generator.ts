/** Random watches: of any range, from the past, now or later, on a stream with others. */

import { create } from "@bufbuild/protobuf";
import {
  type WatchCreateRequest,
  WatchCreateRequest_FilterType as Filter,
  WatchCreateRequestSchema,
} from "../../gen/etcdserverpb/watch_pb.ts";
import type { StoreModel } from "./store_model.ts";
import { randomRange } from "./keys.ts";
import type { Random } from "./random.ts";
import type { WatchProbe } from "./watch_probe.ts";

/** Ids that clients choose: such as the server is about to choose itself, and others. */
const WATCH_IDS = [1n, 2n, 3n, 1_000n, -5n, 2n ** 63n - 1n] as const;
/** A watch may begin this far ahead. */
const FUTURE_REVISIONS_MAX = 12;

export function randomWatch(
  random: Random,
  { store, probe }: { readonly store: StoreModel; readonly probe: WatchProbe },
): WatchCreateRequest {
  const startRevision = randomStart(random, store);
  const isCompacted = startRevision > 0 && startRevision < store.compactRevision;
  const chosen = random.pick(WATCH_IDS);
  const chooses = random.chance(0.3) && !isCompacted && probe.mayChoose(chosen);
  return create(WatchCreateRequestSchema, {
    ...randomRange(random),
    startRevision: BigInt(startRevision),
    prevKv: random.chance(0.5),
    filters: random.weighted([
      [6, []],
      [2, [Filter.NOPUT]],
      [2, [Filter.NODELETE]],
      [1, [Filter.NODELETE, Filter.NOPUT]],
      [1, [7]], // No filter that etcd knows.
    ]),
    watchId: chooses ? chosen : 0n,
    progressNotify: random.chance(0.2),
    fragment: random.chance(0.2),
  });
}

function randomStart(random: Random, { revision, compactRevision }: StoreModel): number {
  return random.weighted([
    [3, 0],
    [6, random.int(Math.max(compactRevision, 1), revision)],
    [2, random.int(revision, revision + FUTURE_REVISIONS_MAX)],
    [2, random.int(compactRevision - 1, compactRevision + 1)],
    [0.3, -3],
  ]);
}
