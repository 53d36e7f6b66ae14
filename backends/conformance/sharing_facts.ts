/** Several servers with one store, for backends that are not exclusive. */

import assert from "node:assert/strict";
import { type Backend, BackendError } from "../contract.ts";
import { delay } from "./delay.ts";
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
  SUITE_MEMBERS,
} from "./subject.ts";

/** Until a server must have learned that another one appended. A second is what users bear; a busy machine needs more. */
const WAKE_MS_MAX = 20_000;
/** What each of two servers appends in a race. */
const APPENDS_EACH = 15;
const ATTEMPTS_MAX = 1_000;
const [first, second] = SUITE_MEMBERS;

export const sharingFacts: readonly Fact[] = [
  {
    name: "what one server appended, another reads at once",
    see: "Backend (each answer carries the head of its snapshot), Capabilities.exclusive",
    needsOthers: true,
    async check(subject) {
      const other = await subject.openAnother();
      assert.equal(other.clusterId, subject.backend.clusterId, "both see one cluster id");
      for (let revision = 2; revision < 12; revision++) {
        const row = putRow(bytes("a"), { revision });
        const head = await append(subject, { rows: [row] });
        assert.deepEqual(await other.head(), head, "the other server's head()");
        const page = await range(other);
        assert.deepEqual(page.head, head, "the head of the other server's range()");
        assertSameBytes(page.kvs, [row.kv], "the other server's range()");
        assert.equal(await other.outcome(head), "applied", "the other server's outcome()");
      }
    },
  },
  {
    name: "append() of one server fails where another has moved the head",
    see: "Batch.base, Backend.append",
    needsOthers: true,
    async check(subject) {
      const other = await subject.openAnother();
      const base = await other.head();
      const head = await append(subject, { rows: [putRow(bytes("a"), { revision: 2 })] });
      const late = batchAt(base, { rows: [putRow(bytes("b"), { revision: 2 })] });
      await assertFails(other.append(late), "conflict", "append() at a head that was moved");
      assert.deepEqual(await other.head(), head);
      assert.equal((await range(other)).kvs.length, 1, "keys that are there");
      assert.equal(await subject.backend.outcome(late.head), "not-applied");
    },
  },
  {
    name: "servers that race for the head lose nothing and write nothing twice",
    see: "Backend.append, Head.index",
    needsOthers: true,
    async check(subject) {
      const other = await subject.openAnother();
      await Promise.all([subject.backend, other].map(appendMany));
      for (const backend of [subject.backend, other]) {
        const { index, revision } = await backend.head();
        assert.deepEqual([index, revision], [2 * APPENDS_EACH, 2 * APPENDS_EACH + 1]);
        const revisions = (await history(backend)).rows.map((row) => row.revision);
        assert.deepEqual(revisions, Array.from({ length: 2 * APPENDS_EACH }, (_, at) => at + 2));
      }
    },
  },
  {
    name: "changes() wakes when another server appends",
    see: "Backend.changes",
    needsOthers: true,
    async check(subject) {
      const other = await subject.openAnother();
      // Servers announce themselves before they follow each other.
      await subject.backend.announce({ id: first, info: bytes("one") }, 60_000);
      await other.announce({ id: second, info: bytes("two") }, 60_000);
      const stopping = new AbortController();
      const batch = batchAt(await subject.backend.head());
      let seen = "";
      const following = (async () => {
        for await (const _ of other.changes(stopping.signal)) {
          seen = (await other.head()).batchId;
          if (seen === batch.head.batchId) stopping.abort();
        }
      })();
      await subject.backend.append(batch);
      const timer = setTimeout(() => stopping.abort(), WAKE_MS_MAX);
      try {
        await following;
      } finally {
        clearTimeout(timer);
        stopping.abort();
      }
      assert.equal(seen, batch.head.batchId, "the last batch that changes() woke for");
    },
  },
  {
    name: "announce() tells of other servers, but not of those that were silent for too long",
    see: "Backend.announce, Presence.members",
    needsOthers: true,
    async check(subject) {
      const other = await subject.openAnother();
      await subject.backend.announce({ id: first, info: bytes("one") }, 60_000);
      const both = await other.announce({ id: second, info: bytes("two") }, 60_000);
      assert.deepEqual(both.members.map(({ id }) => id), [first, second]);
      await delay(subject, 1_500);
      const recent = await other.announce({ id: second, info: bytes("two") }, 700);
      assert.deepEqual(recent.members.map(({ id }) => id), [second], "members seen within 700 ms");
      const all = await other.announce({ id: second, info: bytes("two") }, 60_000);
      assert.deepEqual(
        all.members.map(({ id }) => id),
        [first, second],
        "members seen within a minute",
      );
    },
  },
  {
    name: "turn(), where there is one, holds others off until it ends",
    see: "Backend.turn, Turn",
    needsOthers: true,
    async check(subject) {
      const other = await subject.openAnother();
      if (subject.backend.turn === undefined) return;
      for (let round = 0; round < 3; round++) {
        const turn = await subject.backend.turn();
        const base = await subject.backend.head();
        const batch = batchAt(base);
        // It waits for the end of the turn, and then finds the head moved.
        const late = assertFails(other.append(batchAt(base)), "conflict", "append() of another");
        await turn.append(batch);
        await late;
        assert.deepEqual(await other.head(), batch.head);
        const released = await other.turn?.();
        await released?.release();
        await append(subject);
      }
    },
  },
];

/** Appends so many rows, each at the head as it stands, however often it loses. */
async function appendMany(backend: Backend): Promise<void> {
  let appended = 0;
  for (let attempt = 0; appended < APPENDS_EACH; attempt++) {
    assert.ok(attempt < ATTEMPTS_MAX, `${ATTEMPTS_MAX} attempts were not enough`);
    const head = await backend.head();
    const row = putRow(bytes("a"), { revision: head.revision + 1 });
    try {
      await backend.append(batchAt(head, { rows: [row] }));
      appended++;
    } catch (error) {
      if (!(error instanceof BackendError) || error.kind !== "conflict") throw error;
    }
  }
}
