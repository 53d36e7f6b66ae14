/** `append`, `head` and `outcome`. */

import assert from "node:assert/strict";
import { FIRST_HEAD } from "../contract.ts";
import {
  append,
  assertFails,
  assertSameBytes,
  batchAt,
  bytes,
  type Fact,
  history,
  putRow,
  range,
  tombstoneRow,
} from "./subject.ts";

const MANY_ROWS = 10_000;
const LARGE_VALUE_BYTES = 1_500_000;
/** Far above what a busy server reaches in a lifetime of years. */
const HIGH_REVISION = 2 ** 40;

export const appendFacts: readonly Fact[] = [
  {
    name: "a new store stands at index 0, revision 1, and is not compacted",
    see: "Head, FIRST_HEAD, Backend.clusterId",
    async check({ backend }) {
      assert.deepEqual(await backend.head(), FIRST_HEAD);
      assert.notEqual(backend.clusterId, 0n);
      assert.ok(backend.clusterId > 0n && backend.clusterId < 2n ** 64n);
    },
  },
  {
    name: "append() answers the head it made, and so does every later call",
    see: "Backend.head, Loaded.head",
    async check(subject) {
      const { backend } = subject;
      const rows = [putRow(bytes("a"), { revision: 2 }), putRow(bytes("b"), { revision: 3 })];
      const head = await append(subject, { rows });
      assert.deepEqual(head, { ...FIRST_HEAD, index: 1, revision: 3, batchId: head.batchId });
      const load = { keys: [], leases: [], records: [], revision: 0 };
      const span = { start: bytes(""), end: null, revision: 0 };
      assert.deepEqual(await backend.head(), head, "head()");
      assert.deepEqual((await backend.load(load)).head, head, "the head of load()");
      assert.deepEqual((await range(backend)).head, head, "the head of range()");
      assert.deepEqual((await backend.count(span)).head, head, "the head of count()");
      assert.deepEqual((await history(backend)).head, head, "the head of history()");
      assert.deepEqual((await backend.leaseKeys(1n)).head, head, "the head of leaseKeys()");
      assert.deepEqual((await backend.leases(1)).head, head, "the head of leases()");
      assert.deepEqual((await backend.records("")).head, head, "the head of records()");
    },
  },
  {
    name: "append() of a batch without rows moves the index alone",
    see: "Batch.head, Head.index",
    async check(subject) {
      await append(subject);
      const head = await append(subject, { compactRevision: 1 });
      const { batchId } = head;
      assert.deepEqual(head, { ...FIRST_HEAD, index: 2, compactRevision: 1, batchId });
      assert.deepEqual(await subject.backend.head(), head);
    },
  },
  {
    name: "the head tells which batch changed a record last, and which a lease",
    see: "Head.recordsIndex, Head.leasesIndex",
    async check(subject) {
      await append(subject, { records: [{ name: "r", value: bytes("x") }] });
      await append(subject, { leases: [{ id: 1n, state: { ttl: 9, remainingMs: 9_000 } }] });
      await append(subject);
      const { recordsIndex, leasesIndex } = await (await subject.reopen()).head();
      assert.deepEqual([recordsIndex, leasesIndex], [1, 2], "recordsIndex and leasesIndex");
    },
  },
  {
    name: "append() rejects a base that is not the head and writes nothing",
    see: "Batch.base, Backend.append",
    async check(subject) {
      const { backend } = subject;
      await append(subject, { rows: [putRow(bytes("a"), { revision: 2 })] });
      const head = await backend.head();
      for (
        const base of [
          { ...head, index: head.index - 1 },
          { ...head, index: head.index + 1 },
          // Another history's batch.
          { ...head, batchId: "another" },
        ]
      ) {
        const batch = batchAt(base, {
          rows: [putRow(bytes("a"), { revision: 3 }), putRow(bytes("b"), { revision: 4 })],
          leases: [{ id: 1n, state: { ttl: 9, remainingMs: 9_000 } }],
          records: [{ name: "r", value: bytes("x") }],
          compactRevision: 2,
        });
        const what = `append() at index ${base.index} and batch id "${base.batchId}"`;
        await assertFails(backend.append(batch), "conflict", what);
      }
      assert.deepEqual(await backend.head(), head, "head(), after what was rejected");
      assert.equal((await range(backend)).kvs.length, 1, "keys");
      assert.deepEqual((await backend.leases(9)).leases, [], "leases");
      assert.deepEqual((await backend.records("")).records, [], "records");
      const all = await history(backend);
      assert.deepEqual(all.rows.map((row) => row.revision), [2]);
    },
  },
  {
    name: "append() lets exactly one of two batches for the same index through",
    see: "Backend.append, BackendErrorKind",
    async check({ backend }) {
      const head = await backend.head();
      const outcomes = await Promise.allSettled(
        ["a", "b", "c"].map((key) =>
          backend.append(batchAt(head, { rows: [putRow(bytes(key), { revision: 2 })] }))
        ),
      );
      const applied = outcomes.filter(({ status }) => status === "fulfilled").length;
      assert.equal(applied, 1, "appends at one head that were let through");
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") continue;
        await assertFails(Promise.reject(outcome.reason), "conflict", "an append that lost");
      }
      assert.equal((await range(backend)).kvs.length, 1);
    },
  },
  {
    name: "append() makes the last row of each key in the batch current",
    see: "Batch.rows",
    async check(subject) {
      const [a, b, c] = [bytes("a"), bytes("b"), bytes("c")];
      await append(subject, {
        rows: [putRow(b, { revision: 2 }), putRow(c, { revision: 2, sub: 1 })],
      });
      const lastOfA = putRow(a, { revision: 5 });
      const lastOfC = putRow(c, { revision: 4 });
      await append(subject, {
        rows: [
          putRow(a, { revision: 3 }),
          putRow(b, { revision: 3, sub: 1 }),
          tombstoneRow(c, { revision: 3, sub: 2 }),
          tombstoneRow(b, { revision: 4 }),
          { ...lastOfC, sub: 1 },
          lastOfA,
        ],
      });
      assertSameBytes((await range(subject.backend)).kvs, [lastOfA.kv, lastOfC.kv]);
    },
  },
  {
    name: "append() takes many rows of one revision",
    see: "Capabilities.batchRowsMax, Batch.rows",
    async check(subject) {
      const rows = Array.from(
        { length: MANY_ROWS },
        (_, sub) => putRow(bytes(`key ${String(sub).padStart(8, "0")}`), { revision: 2, sub }),
      );
      await append(subject, { rows });
      assertSameBytes((await range(subject.backend)).kvs, rows.map(({ kv }) => kv));
      const gone = rows.map(({ key }, sub) => tombstoneRow(key, { revision: 3, sub }));
      await append(subject, { rows: gone });
      assert.equal((await range(subject.backend)).kvs.length, 0);
      assert.equal((await range(subject.backend, { revision: 2 })).kvs.length, MANY_ROWS);
    },
  },
  {
    name: "append() takes many revisions of one key",
    see: "Batch.rows",
    async check(subject) {
      const key = bytes("k");
      const rows = Array.from({ length: 1_000 }, (_, at) => putRow(key, { revision: at + 2 }));
      await append(subject, { rows });
      const { backend } = subject;
      assertSameBytes((await range(backend)).kvs, [rows.at(-1)?.kv ?? null]);
      assertSameBytes((await range(backend, { revision: 500 })).kvs, [rows[498]?.kv ?? null]);
    },
  },
  {
    name: "a value of 1.5 MB comes back unchanged, also after reopening",
    see: "LogRow.kv",
    async check(subject) {
      const value = new Uint8Array(LARGE_VALUE_BYTES);
      for (let at = 0; at < value.length; at++) value[at] = (at * 31 + (at >> 8)) & 0xff;
      const row = putRow(bytes("large"), { revision: 2, value });
      await append(subject, { rows: [row] });
      for (const reopens of [false, true]) {
        if (reopens) await subject.reopen();
        const [kv] = (await range(subject.backend)).kvs;
        assert.ok(kv !== undefined && kv.length === row.kv.length);
        assert.ok(kv.every((byte, at) => byte === row.kv[at]));
      }
    },
  },
  {
    name: "append() does not keep the arrays it was given",
    see: "Backend (bytes go in and out unchanged)",
    async check(subject) {
      const row = putRow(bytes("a"), { revision: 2 });
      const record = bytes("record");
      const expected = row.kv.slice();
      await append(subject, { rows: [row], records: [{ name: "r", value: record }] });
      row.key.fill(0);
      row.kv.fill(0);
      record.fill(0);
      const query = { keys: [bytes("a")], leases: [], records: ["r"], revision: 0 };
      const loaded = await subject.backend.load(query);
      assertSameBytes(loaded.kvs, [expected]);
      assertSameBytes(loaded.records, [bytes("record")]);
    },
  },
  {
    name: "append() takes high revisions",
    see: "REVISION_MAX, LogRow.revision",
    async check(subject) {
      const row = putRow(bytes("a"), { revision: HIGH_REVISION, sub: 7 });
      await append(subject, { rows: [row] });
      await append(subject, { rows: [putRow(bytes("a"), { revision: HIGH_REVISION + 1 })] });
      const { backend } = subject;
      assert.equal((await backend.head()).revision, HIGH_REVISION + 1);
      assertSameBytes((await range(backend, { revision: HIGH_REVISION })).kvs, [row.kv]);
      const page = await history(backend, { after: HIGH_REVISION - 1 });
      assert.deepEqual(page.rows.map((found) => [found.revision, found.sub]), [
        [HIGH_REVISION, 7],
        [HIGH_REVISION + 1, 0],
      ]);
    },
  },
  {
    name: "outcome() tells what was applied from what was not, and both from what may yet come",
    see: "Backend.outcome, Outcome",
    async check(subject) {
      const base = await subject.backend.head();
      const [first, rival] = [batchAt(base), batchAt(base)];
      const before = await subject.backend.outcome(first.head);
      const { exclusive } = subject.backend.capabilities;
      assert.ok(
        before === "unknown" || (exclusive && before === "not-applied"),
        `outcome() of a batch that may yet come is "${before}", expected "unknown"`,
      );
      await subject.backend.append(first);
      await assertFails(subject.backend.append(rival), "conflict", "append() of a rival");
      assert.equal(await subject.backend.outcome(first.head), "applied", "of what was applied");
      assert.equal(await subject.backend.outcome(rival.head), "not-applied", "of its rival");
      const reopened = await subject.reopen();
      assert.equal(await reopened.outcome(first.head), "applied", "after reopening");
    },
  },
];
