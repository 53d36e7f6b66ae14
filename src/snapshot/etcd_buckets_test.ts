import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fromBinary } from "@bufbuild/protobuf";
import { FIRST_HEAD } from "../../backends/contract.ts";
import { AlarmMemberSchema } from "../../gen/etcdserverpb/maintenance_pb.ts";
import { type ClusterFacts, smallBuckets, type StoreState } from "./etcd_buckets.ts";

const FACTS: ClusterFacts = { term: 3, version: "3.7.0", members: [] };

interface Init extends Partial<Omit<StoreState, "records">> {
  readonly records?: Readonly<Record<string, Uint8Array>>;
}

/** The bucket's entries, keys as text and values in hexadecimal digits or as text. */
function bucket(
  name: string,
  { records = {}, ...state }: Init,
  { facts = {}, as = "hex" as "hex" | "utf8" } = {},
): [key: string, value: string][] {
  const whole = {
    head: FIRST_HEAD,
    leases: [],
    ...state,
    records: new Map(Object.entries(records)),
  };
  const entries = smallBuckets(whole, { ...FACTS, ...facts }).get(name) ?? [];
  return entries.map(([key, value]) => [
    Buffer.from(key).toString(),
    Buffer.from(value).toString(as),
  ]);
}

const U64 = (value: number) => value.toString(16).padStart(16, "0");

Deno.test("smallBuckets() tells in meta where the store stands", () => {
  const head = { ...FIRST_HEAD, index: 300, revision: 20, compactRevision: 10 };
  const revision = `${U64(10)}5f${U64(0)}`;
  assert.deepEqual(bucket("meta", { head }), [
    ["confState", Buffer.from('{"voters":[],"auto_leave":false}').toString("hex")],
    ["consistent_index", U64(300)],
    ["finishedCompactRev", revision],
    ["scheduledCompactRev", revision],
    ["storageVersion", Buffer.from("3.7.0").toString("hex")],
    ["term", U64(3)],
  ]);
});

Deno.test("smallBuckets() leaves out compactions of a store that was never compacted", () => {
  const names = bucket("meta", {}).map(([name]) => name);
  assert.deepEqual(names, ["confState", "consistent_index", "storageVersion", "term"]);
});

Deno.test("smallBuckets() has leases by id, negative ones behind", () => {
  const leases = [-2n, 1n, 256n].map((id) => ({ id, ttl: 60, remainingMs: 5 }));
  const state = { head: FIRST_HEAD, leases, records: new Map() };
  const entries = smallBuckets(state, FACTS).get("lease") ?? [];
  assert.deepEqual(
    entries.map(([key, value]) =>
      [Buffer.from(key), Buffer.from(value)].map((b) => b.toString("hex"))
    ),
    [
      [U64(1), "0801103c"],
      [U64(256), "088002103c"],
      ["fffffffffffffffe", "08feffffffffffffffff01103c"],
    ],
  );
});

Deno.test("smallBuckets() takes users, roles and whether auth is on from the records", () => {
  const records = {
    "auth/enabled": new Uint8Array([1]),
    "auth/revision": new Uint8Array([0, 0, 0, 0, 0, 0, 0, 9]),
    "auth/role/root": new Uint8Array([1, 2]),
    "auth/user/b": new Uint8Array([3]),
    "auth/user/a": new Uint8Array([4]),
    "auth/token/x.1": new Uint8Array([5]),
  };
  assert.deepEqual(bucket("auth", { records }), [
    ["authEnabled", "01"],
    ["authRevision", U64(9)],
  ]);
  assert.deepEqual(bucket("authUsers", { records }), [["a", "04"], ["b", "03"]]);
  assert.deepEqual(bucket("authRoles", { records }), [["root", "0102"]]);
  const off = { ...records, "auth/enabled": new Uint8Array(0) };
  assert.deepEqual(bucket("auth", { records: off })[0], ["authEnabled", "00"]);
  assert.deepEqual(bucket("auth", {}), [["authRevision", U64(1)]]);
});

Deno.test("smallBuckets() has an alarm's message as a key", () => {
  const state = {
    head: FIRST_HEAD,
    leases: [],
    records: new Map([["alarm/1/fedcba9876543210", new Uint8Array([1])]]),
  };
  const [alarm] = smallBuckets(state, FACTS).get("alarm") ?? [];
  const member = fromBinary(AlarmMemberSchema, alarm?.[0] ?? new Uint8Array());
  assert.deepEqual([member.memberID, member.alarm], [0xfedcba9876543210n, 1]);
  assert.equal(alarm?.[1].length, 0);
});

Deno.test("smallBuckets() tells members, the version and a downgrade under way", () => {
  const members = [{ id: 0xfedcba9876543210n, name: 'a"b', clientUrls: ["http://h:1"] }];
  const [member] = bucket("members", {}, { facts: { members }, as: "utf8" });
  assert.deepEqual(member, [
    "fedcba9876543210",
    '{"id":18364758544493064720,"peerURLs":[],"name":"a\\"b","clientURLs":["http://h:1"]}',
  ]);
  const records = { downgrade: Buffer.from("3.6.0") };
  assert.deepEqual(bucket("cluster", { records }, { as: "utf8" }), [
    ["clusterVersion", "3.7.0"],
    ["downgrade", '{"target-version":"3.6.0","enabled":true}'],
  ]);
});
