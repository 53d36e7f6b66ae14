/**
 * What the views `rhino_kv` and `rhino_history` show is what the API answers: every column, for keys and values of every kind.
 */

import assert from "node:assert/strict";
import type { Event, KeyValue } from "../../gen/mvccpb/kv_pb.ts";
import { startEndpoint } from "../support/endpoint.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { bytes } from "../support/message_init.ts";
import { op } from "../support/txn_parts.ts";
import { WatchSession } from "../services/watch_session.ts";
import { type Dialect, DIALECTS, makePlace, type Place, WORDS } from "./place.ts";
import { BYTES, readable } from "./readable_bytes.ts";

const ALL = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };
/** Around the lengths at which the varint in front of a value, or of the whole message, becomes a byte longer. */
const SIZES = [
  0,
  1,
  60,
  70,
  80,
  90,
  100,
  110,
  120,
  126,
  127,
  128,
  129,
  400,
  900,
  1_000,
  16_300,
  16_383,
  16_384,
];
const LEASES = [1n, 127n, 128n, 4_660n, 2n ** 35n, 2n ** 62n];

/** Writes keys and values of every kind, and answers the last revision. */
async function writeAll({ kv, lease }: EtcdClient): Promise<number> {
  for (const one of BYTES) await kv.put({ key: one, value: one });
  for (const size of SIZES) {
    await kv.put({ key: `size/${size}`, value: new Uint8Array(size).fill(97) });
  }
  for (const length of [127, 128, 129, 2_000]) {
    await kv.put({ key: "k".repeat(length), value: "v" });
  }
  await kv.put({ key: "large/ascii", value: "a".repeat(100_000) });
  await kv.put({ key: "large/text", value: "ü€😀".repeat(10_000) });
  await kv.put({ key: "large/bytes", value: new Uint8Array(100_000).fill(255) });
  for (const id of LEASES) {
    await lease.leaseGrant({ ID: id, TTL: 600n });
    await kv.put({ key: `lease/${id}`, value: "leased", lease: id });
  }
  await kv.put({ key: "lease/1", value: "a second time", lease: 1n });
  for (let time = 1; time <= 130; time++) await kv.put({ key: "often", value: String(time) });
  await kv.txn({
    success: [
      op.put({ key: "txn/a", value: "1" }),
      op.put({ key: "txn/b", value: "" }),
      op.deleteRange({ key: "often" }),
    ],
  });
  await kv.put({ key: "often", value: "made again" });
  await kv.deleteRange({ key: "size/0", rangeEnd: "size/2" });
  await lease.leaseRevoke({ ID: 127n });
  const { header } = await kv.put({ key: "last", value: "" });
  return Number(header?.revision);
}

async function history(client: EtcdClient, last: number): Promise<Event[]> {
  using session = new WatchSession(client);
  const id = await session.create({ ...ALL, startRevision: 1n });
  const events: Event[] = [];
  while (Number(events.at(-1)?.kv?.modRevision ?? 0) < last) {
    events.push(...(await session.response(id)).events);
  }
  return events;
}

function hex(text: string): string {
  return bytes(text).toHex();
}

function leaseHex(lease: bigint): string {
  return lease === 0n ? "" : BigInt.asUintN(64, lease).toString(16).padStart(16, "0");
}

/** A key as `rhino_kv` shows it, in the order of `kvColumns`. */
function kvRow(kv: KeyValue): string {
  return [
    hex(readable(kv.key)),
    hex(readable(kv.value)),
    ...[kv.modRevision, kv.lease, kv.createRevision, kv.version, kv.value.length].map(String),
    leaseHex(kv.lease),
    kv.key.toHex(),
    kv.value.toHex(),
  ].join();
}

function kvColumns(dialect: Dialect): string {
  const { text, bytes } = WORDS[dialect];
  return `${text("v.key")}, ${
    text("v.value")
  }, v.mod_revision, v.lease, v.create_revision, v.version, v.value_size,
    v.lease_hex, ${bytes("v.key_bytes")}, ${bytes("v.value_bytes")}`;
}

/** Events as `rhino_history` shows them, in the order of `historyColumns`. */
function historyRows(events: readonly Event[]): string[] {
  let revision = 0n, sub = 0;
  return events.map(({ type, kv }) => {
    assert.ok(kv !== undefined);
    sub = kv.modRevision === revision ? sub + 1 : 0;
    revision = kv.modRevision;
    const isDeleted = type === 1;
    const start = [
      revision,
      sub,
      isDeleted ? "DELETE" : "PUT",
      kv.key.toHex(),
      hex(readable(kv.key)),
    ];
    const rest = isDeleted ? ["", "", 0, "", "", "", "", 1] : [
      hex(readable(kv.value)),
      kv.value.toHex(),
      ...[kv.lease, leaseHex(kv.lease), kv.createRevision, kv.version, kv.value.length, 0],
    ];
    return [...start, ...rest].join();
  });
}

function historyColumns(dialect: Dialect): string {
  const { text, bytes } = WORDS[dialect];
  return `h.revision, h.sub, h.kind, ${bytes("h.key_bytes")}, ${text("h.key")}, ${
    text("h.value")
  }, ${bytes("h.value_bytes")},
    h.lease, h.lease_hex, h.create_revision, h.version, h.value_size, CASE WHEN h.deleted THEN 1 ELSE 0 END`;
}

async function assertHistory(place: Place, events: readonly Event[]): Promise<void> {
  const sql = `SELECT ${
    historyColumns(place.dialect)
  } FROM rhino_history h ORDER BY h.revision, h.sub`;
  const shown = (await place.query(sql)).map((row) => row.join());
  assert.deepEqual(shown, historyRows(events));
}

async function assertKeys(place: Place, client: EtcdClient): Promise<void> {
  const sql = `SELECT ${kvColumns(place.dialect)} FROM rhino_kv v ORDER BY v.key_bytes`;
  const shown = (await place.query(sql)).map((row) => row.join());
  assert.deepEqual(shown, (await client.kv.range(ALL)).kvs.map(kvRow));
}

async function assertTimes({ dialect, query }: Place, fromMs: number): Promise<void> {
  const { seconds } = WORDS[dialect];
  const rows = await query(
    `SELECT ${seconds("h.written_at")} FROM rhino_history h ORDER BY h.revision, h.sub`,
  );
  const times = rows.map(([time]) => Number(time));
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  assert.ok(
    Number(times[0]) >= Math.floor(fromMs / 1_000) && Number(times.at(-1)) <= Date.now() / 1_000,
  );
  const [row] = await query(`SELECT count(*) FROM rhino_kv v JOIN rhino_history h
    ON h.key_bytes = v.key_bytes AND h.revision = v.mod_revision AND h.written_at = v.written_at`);
  assert.deepEqual(row, (await query("SELECT count(*) FROM rhino_kv"))[0]);
}

/** What a compaction at the revision leaves of a history. */
function compacted(events: readonly Event[], at: bigint): Event[] {
  return events.filter((event, place) => {
    const key = event.kv?.key.toHex();
    const next = events.slice(place + 1).find(({ kv }) => kv?.key.toHex() === key);
    if (next?.kv !== undefined && next.kv.modRevision <= at) return false;
    return event.type !== 1 || (event.kv?.modRevision ?? 0n) >= at;
  });
}

for (const dialect of DIALECTS) {
  Deno.test(`${dialect}: the views show what the API answers, also after a compaction`, async () => {
    await using place = await makePlace(dialect);
    await using endpoint = await startEndpoint(dialect, { databaseUrl: place.url });
    const { client } = endpoint;
    const startedMs = Date.now();
    const last = await writeAll(client);
    const events = await history(client, last);
    assert.ok(events.length > 200);
    await assertHistory(place, events);
    await assertKeys(place, client);
    await assertTimes(place, startedMs);
    const at = BigInt(last - 4);
    await client.kv.compact({ revision: at, physical: true });
    await assertHistory(place, compacted(events, at));
    await assertKeys(place, client);
  });
}
