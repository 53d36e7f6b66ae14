/**
 * Loads what a batch of commands needs to know, all as of one head. Where other servers write too, the store may have moved
 * on: what was loaded then is thrown away, for its append would lose the race in any case.
 */
import { type Backend, BackendError, type Head } from "../../backends/contract.ts";
import { PAGE_BYTES, PAGE_ROWS } from "../limits.ts";
import type { HotCache } from "./hot_cache.ts";
import { isEmpty, type KeyRange, successor } from "./key_range.ts";
import type { RangeNeed, ReadSet } from "./read_set.ts";
import { parseKv, type Version } from "./stored_kv.ts";
import { type BaseData, rangeNeedName } from "./view.ts";

export interface BaseLoaderOptions {
  readonly backend: Backend;
  readonly hot: HotCache;
}

export interface LoadedBase extends BaseData {
  /** Whether the store was asked for anything, and so its head was seen. */
  readonly sawHead: boolean;
}

/** @throws {BackendError} `conflict` if the store stands elsewhere */
export async function loadBase(
  options: BaseLoaderOptions,
  need: ReadSet,
  head: Head,
): Promise<LoadedBase> {
  const points = loadPoints(options, need, head);
  // Most batches are point writes: do not pay for what they do not use.
  if (need.ranges.length === 0 && need.leaseKeys.size === 0) {
    return { head, ...await points, ranges: new Map(), leaseKeys: new Map() };
  }
  const [loaded, ranges, leaseKeys] = await Promise.all([
    points,
    loadRanges(options, need.ranges, head),
    loadLeaseKeys(options, need, head),
  ]);
  return { head, ...loaded, ranges, leaseKeys, sawHead: true };
}

function checkHead(loaded: Head, head: Head): void {
  if (loaded.batchId === head.batchId) return;
  throw new BackendError("conflict", "another server has written meanwhile");
}

async function loadPoints({ backend, hot }: BaseLoaderOptions, need: ReadSet, head: Head) {
  const keys = new Map<string, Version | null>();
  const missing: [string, Uint8Array][] = [];
  for (const [name, key] of need.keys) {
    const version = hot.get(name);
    if (version === undefined) missing.push([name, key]);
    else keys.set(name, version);
  }
  const leaseIds = [...need.leases];
  const recordNames = [...need.records];
  if (missing.length + leaseIds.length + recordNames.length === 0) {
    return { keys, leases: new Map(), records: new Map(), sawHead: false };
  }
  const loaded = await backend.load({
    keys: missing.map(([, key]) => key),
    leases: leaseIds,
    records: recordNames,
    revision: head.revision,
  });
  checkHead(loaded.head, head);
  missing.forEach(([name], i) => {
    const kv = loaded.kvs[i] ?? null;
    const version = kv === null ? null : parseKv(kv);
    keys.set(name, version);
    // Whoever loses the race for this head evaluates again on the next one, and need not ask again.
    if (!backend.capabilities.exclusive) hot.set(name, version);
  });
  return {
    keys,
    leases: new Map(leaseIds.map((id, i) => [id, loaded.leases[i] ?? null])),
    records: new Map(recordNames.map((name, i) => [name, loaded.records[i] ?? null])),
    sawHead: true,
  };
}

async function loadRanges(
  { backend }: BaseLoaderOptions,
  needs: readonly RangeNeed[],
  head: Head,
): Promise<Map<string, readonly Version[]>> {
  const ranges = new Map<string, readonly Version[]>();
  for (const { range, revision } of needs) {
    // A revision above the head may still be reached within the batch, and is replayed from there.
    const at = revision >= head.revision ? 0 : revision;
    const name = rangeNeedName(range, at);
    if (ranges.has(name)) continue;
    // A compacted revision is refused when it is evaluated; there is nothing to load for it, nor for no key at all.
    const isNothing = (at !== 0 && at < head.compactRevision) || isEmpty(range);
    const revisionToRead = at === 0 ? head.revision : at;
    if (isNothing) ranges.set(name, []);
    else ranges.set(name, await readWhole(backend, { range, revision: revisionToRead, head }));
  }
  return ranges;
}

async function readWhole(
  backend: Backend,
  { range, revision, head }: { range: KeyRange; revision: number; head: Head },
): Promise<Version[]> {
  const versions: Version[] = [];
  let start = range.start;
  for (;;) { // Ends with the last page.
    const page = await backend.range({
      start,
      end: range.end,
      revision,
      limit: PAGE_ROWS,
      bytesMax: PAGE_BYTES,
      keysOnly: false,
      packed: false,
    });
    checkHead(page.head, head);
    for (const kv of page.kvs) versions.push(parseKv(kv));
    const last = versions.at(-1);
    if (!page.more || last === undefined) return versions;
    start = successor(last.key);
  }
}

async function loadLeaseKeys({ backend }: BaseLoaderOptions, need: ReadSet, head: Head) {
  const leaseKeys = new Map<bigint, readonly Version[]>();
  for (const id of need.leaseKeys) {
    const { kvs, head: found } = await backend.leaseKeys(id);
    checkHead(found, head);
    leaseKeys.set(id, kvs.map((kv) => parseKv(kv)));
  }
  return leaseKeys;
}
