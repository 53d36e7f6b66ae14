/** What etcd's database holds besides the keys, bucket by bucket (source: etcd's server/storage/schema). */
import { Buffer } from "node:buffer";
import type { Head, LeaseRow } from "../../backends/contract.ts";
import { ALARM_RECORD_PREFIX, parseAlarmName } from "../mvcc/alarms.ts";
import { DOWNGRADE_RECORD } from "../mvcc/downgrade.ts";
import { revisionKey } from "../mvcc/etcd_row.ts";
import { Bytes, numberFieldSize, varintSize64 } from "../wire/bytes.ts";

/** What a server tells of itself and of those beside it. */
export interface ClusterFacts {
  readonly term: number;
  /** The version of etcd whose format the file has, such as 3.7.0; the cluster's too. */
  readonly version: string;
  readonly members: readonly SnapshotMember[];
}

export interface SnapshotMember {
  readonly id: bigint;
  readonly name: string;
  readonly clientUrls: readonly string[];
}

/** One moment of the store, but for its keys. */
export interface StoreState {
  readonly head: Head;
  readonly leases: readonly LeaseRow[];
  readonly records: ReadonlyMap<string, Uint8Array>;
}

type Entry = readonly [key: Uint8Array, value: Uint8Array];

/** Name → entries, in order of their keys. */
export type Buckets = ReadonlyMap<string, readonly Entry[]>;

/** What records of the auth service are called. */
export const AUTH = {
  enabled: "auth/enabled",
  revision: "auth/revision",
  userPrefix: "auth/user/",
  rolePrefix: "auth/role/",
} as const;

/** The auth revision of a store whose users and roles were never changed. */
const FIRST_AUTH_REVISION = 1;
const EMPTY = new Uint8Array(0);

export function smallBuckets(state: StoreState, facts: ClusterFacts): Buckets {
  const buckets: Record<string, Entry[]> = {
    alarm: alarmEntries(state),
    auth: authEntries(state),
    authRoles: entriesBelow(state, AUTH.rolePrefix),
    authUsers: entriesBelow(state, AUTH.userPrefix),
    cluster: clusterEntries(state, facts),
    lease: state.leases.map(leaseEntry),
    members: facts.members.map(memberEntry),
    members_removed: [],
    meta: metaEntries(state, facts),
  };
  return new Map(
    Object.entries(buckets).map(([name, entries]) => [name, inOrder(entries)]),
  );
}

function inOrder(entries: Entry[]): readonly Entry[] {
  return entries.sort(([a], [b]) => Buffer.compare(a, b));
}

function entry(name: string, value: Uint8Array): Entry {
  return [Buffer.from(name), value];
}

/** etcd has an alarm's message as the key. */
function alarmEntries({ records }: StoreState): Entry[] {
  return [...records.keys()]
    .filter((name) => name.startsWith(ALARM_RECORD_PREFIX))
    .map((name) => {
      const { memberId, alarm } = parseAlarmName(name);
      const out = new Bytes(
        Buffer.alloc(1 + varintSize64(memberId) + numberFieldSize(alarm)),
      );
      out.bigintField(0x08, memberId);
      out.numberField(0x10, alarm);
      return [out.buffer.subarray(0, out.offset), EMPTY];
    });
}

function authEntries({ records }: StoreState): Entry[] {
  const enabled = records.get(AUTH.enabled);
  const revision = records.get(AUTH.revision) ?? uint64(FIRST_AUTH_REVISION);
  const entries = [entry("authRevision", revision)];
  if (enabled !== undefined) {
    entries.push(entry("authEnabled", Buffer.from([enabled.length > 0 ? 1 : 0])));
  }
  return entries;
}

/** Records with their names cut: users and roles are stored as etcd has them. */
function entriesBelow({ records }: StoreState, prefix: string): Entry[] {
  return [...records]
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => entry(name.slice(prefix.length), value));
}

function clusterEntries({ records }: StoreState, { version }: ClusterFacts): Entry[] {
  const entries = [entry("clusterVersion", Buffer.from(version))];
  const target = records.get(DOWNGRADE_RECORD);
  if (target !== undefined) {
    const downgrade = { "target-version": Buffer.from(target).toString(), enabled: true };
    entries.push(entry("downgrade", Buffer.from(JSON.stringify(downgrade))));
  }
  return entries;
}

/**
 * etcd gives a lease its whole time to live again when it starts, unless time left was stored with it. It is not: between a
 * snapshot and the start from it nobody can renew.
 */
function leaseEntry({ id, ttl }: LeaseRow): Entry {
  const key = Buffer.alloc(8);
  key.writeBigInt64BE(BigInt.asIntN(64, id));
  const out = new Bytes(Buffer.alloc(1 + varintSize64(id) + numberFieldSize(ttl)));
  out.bigintField(0x08, id);
  out.numberField(0x10, ttl);
  return [key, out.buffer];
}

/** For whoever looks into the file: a restore puts its own members in their place. */
function memberEntry({ id, name, clientUrls }: SnapshotMember): Entry {
  // Written by hand: no number of JavaScript holds an id.
  const urls = JSON.stringify(clientUrls);
  const text = `{"id":${id},"peerURLs":[],"name":${JSON.stringify(name)},"clientURLs":${urls}}`;
  return entry(id.toString(16), Buffer.from(text));
}

function metaEntries({ head }: StoreState, { term, version, members }: ClusterFacts): Entry[] {
  const entries = [
    entry("confState", Buffer.from(`{"voters":[${idsOf(members)}],"auto_leave":false}`)),
    // etcd takes 0 for an index that is not known.
    entry("consistent_index", uint64(Math.max(head.index, 1))),
    entry("storageVersion", Buffer.from(version)),
    entry("term", uint64(term)),
  ];
  if (head.compactRevision >= 0) {
    const revision = revisionKey({ revision: head.compactRevision, sub: 0, size: 17 });
    entries.push(entry("finishedCompactRev", revision), entry("scheduledCompactRev", revision));
  }
  return entries;
}

function idsOf(members: readonly SnapshotMember[]): string {
  return members.map(({ id }) => id).join(",");
}

function uint64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return buffer;
}
