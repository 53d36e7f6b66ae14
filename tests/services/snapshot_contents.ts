// What a snapshot holds, read from the stream: by the tests of the service, and of several servers.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import type { SnapshotResponse } from "../../gen/etcdserverpb/maintenance_pb.ts";
import { KeyValueSchema } from "../../gen/mvccpb/kv_pb.ts";
import { type BoltContents, readBolt } from "../../src/snapshot/testing/bolt_reader.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import type { CallExtras } from "../support/grpc_client.ts";

const SUM_SIZE = 32;
const BLOB_SIZE = 32 * 1024;

/** The file of a snapshot, after checking what every stream must be. */
export function fileOf(messages: readonly SnapshotResponse[]): Buffer {
  const blobs = messages.slice(0, -1).map(({ blob }) => blob);
  const file = Buffer.concat(blobs);
  let rest = file.length;
  for (const { blob, remainingBytes, version } of messages.slice(0, -1)) {
    rest -= blob.length;
    assert.equal(blob.length, rest > 0 ? BLOB_SIZE : blob.length);
    assert.deepEqual([remainingBytes, version], [BigInt(rest), "3.7.0"]);
  }
  const last = messages.at(-1);
  assert.equal(last?.remainingBytes, 0n);
  assert.equal(last?.version, "3.7.0");
  assert.deepEqual(Buffer.from(last?.blob ?? []), createHash("sha256").update(file).digest());
  // By this etcd's tools see that a checksum follows the pages.
  assert.equal((file.length + SUM_SIZE) % 512, SUM_SIZE);
  return file;
}

/** Takes one. */
export async function snapshotOf(client: EtcdClient, as?: CallExtras): Promise<BoltContents> {
  return readBolt(fileOf(await client.maintenance.snapshot({}, as).rest()));
}

/** The rows of the history, as text. */
export function historyOf(contents: BoltContents) {
  return (contents.get("key") ?? []).map(({ key, value }) => {
    const kv = fromBinary(KeyValueSchema, value);
    return {
      revision: Number(key.readBigUInt64BE(0)),
      sub: Number(key.readBigUInt64BE(9)),
      isDelete: key.length === 18,
      key: Buffer.from(kv.key).toString(),
      value: Buffer.from(kv.value).toString(),
      version: Number(kv.version),
      create: Number(kv.createRevision),
      mod: Number(kv.modRevision),
      lease: kv.lease,
    };
  });
}

/** A number of eight bytes. */
export function numberIn(
  contents: BoltContents,
  [bucket, name]: readonly [string, string],
): number {
  const entry = contents.get(bucket)?.find(({ key }) => key.toString() === name);
  assert.ok(entry !== undefined, `${name} in ${bucket}`);
  return Number(entry.value.readBigUInt64BE(0));
}

/**
 * Every revision from `first` on and above the compacted one has put a key `x…` and a key `y…` to the same value. Answers
 * the newest.
 */
export function assertWhole(contents: BoltContents, first: number): number {
  const hasCompacted = contents.get("meta")?.some(({ key }) =>
    key.toString() === "finishedCompactRev"
  );
  const compacted = hasCompacted ? numberIn(contents, ["meta", "scheduledCompactRev"]) : 0;
  const rows = historyOf(contents);
  const last = rows.at(-1)?.revision ?? 0;
  const byRevision = Map.groupBy(rows, ({ revision }) => revision);
  for (let revision = Math.max(compacted + 1, first); revision <= last; revision++) {
    const [x, y, ...more] = byRevision.get(revision) ?? [];
    assert.deepEqual([x?.key[0], y?.key[0], more.length], ["x", "y", 0], `revision ${revision}`);
    assert.equal(x?.value, y?.value);
  }
  // A key's first row tells its version, each further one is one more.
  const versions = new Map<string, number>();
  for (const { key, version } of rows) {
    const expected = versions.get(key);
    if (expected !== undefined) assert.equal(version, expected + 1, key);
    versions.set(key, version);
  }
  return last;
}
