/** Opening, closing, size, and what else a store does in its life. */

import assert from "node:assert/strict";
import { BackendError } from "../contract.ts";
import { growHistory, Model } from "./model.ts";
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
  type Subject,
  SUITE_MEMBERS,
} from "./subject.ts";

const [first, , greatest] = SUITE_MEMBERS;

export const lifeFacts: readonly Fact[] = [
  {
    name: "reopening finds the same store",
    see: "Backend.clusterId, Backend.close",
    rollsDice: true,
    async check(subject, dice) {
      const model = new Model();
      const { clusterId } = subject.backend;
      await growHistory(subject, model, { dice, batches: 10 });
      await append(subject, {
        leases: [{ id: 5n, state: { ttl: 50, remainingMs: 50_000 } }],
        records: [{ name: "r", value: bytes("x") }],
        compactRevision: 1,
      });
      const before = await everythingOf(subject);
      await subject.reopen();
      const after = await everythingOf(subject);
      for (const [name, answer] of Object.entries(before)) {
        assert.deepEqual(after[name], answer, `${name}, reopened`);
      }
      assert.equal(subject.backend.clusterId, clusterId, "clusterId, reopened");
      await growHistory(subject, model, { dice, batches: 3 });
      const live = model.live({ start: new Uint8Array(), end: null }, model.revision);
      assertSameBytes((await range(subject.backend)).kvs, live.map(({ kv }) => kv));
    },
  },
  {
    name: "a closed backend answers `unavailable`, and closing twice does no harm",
    see: "BackendErrorKind, Backend.close",
    async check(subject) {
      const { backend } = subject;
      const head = await append(subject, { rows: [putRow(bytes("a"), { revision: 2 })] });
      await backend.close();
      await backend.close();
      const load = { keys: [bytes("a")], leases: [], records: [], revision: 0 };
      const calls = {
        head: () => backend.head(),
        load: () => backend.load(load),
        range: () => range(backend),
        count: () => backend.count({ start: bytes(""), end: null, revision: 0 }),
        history: () => history(backend),
        leaseKeys: () => backend.leaseKeys(1n),
        leases: () => backend.leases(1),
        records: () => backend.records(""),
        append: () => backend.append(batchAt(head)),
        outcome: () => backend.outcome({ index: 1, batchId: "x" }),
        trim: () => backend.trim({ upTo: Number.MAX_SAFE_INTEGER, rowsMax: 1 }),
        size: () => backend.size(),
        defragment: () => backend.defragment(),
        announce: () => backend.announce({ id: first, info: bytes("") }, 1_000),
        leave: () => backend.leave(first),
      };
      for (const [name, call] of Object.entries(calls)) {
        await assertFails(call(), "unavailable", `${name}() of a closed backend`);
      }
    },
  },
  {
    name: "closing during use settles every call, and what was acknowledged stays",
    see: "Backend.close",
    async check(subject) {
      const { backend } = subject;
      const head = await backend.head();
      const calls = [
        backend.append(batchAt(head, { rows: [putRow(bytes("a"), { revision: 2 })] })),
        range(backend),
        backend.trim({ upTo: Number.MAX_SAFE_INTEGER, rowsMax: 10 }),
        backend.defragment(),
        backend.size(),
      ];
      await backend.close();
      const outcomes = await Promise.allSettled(calls);
      for (const outcome of outcomes) {
        if (outcome.status !== "rejected") continue;
        assert.ok(outcome.reason instanceof BackendError, `failed with ${outcome.reason}`);
      }
      const { kvs } = await range(await subject.reopen());
      if (outcomes[0]?.status === "fulfilled") assert.equal(kvs.length, 1, "keys acknowledged");
    },
  },
  {
    name: "announce() answers those who are there, and leave() takes it back",
    see: "Backend.announce, Backend.leave",
    async check(subject) {
      const { backend } = subject;
      const own = { id: greatest, info: bytes("own\0") };
      const { head, members } = await backend.announce(own, 60_000);
      assert.deepEqual(head, await backend.head());
      assert.deepEqual(members.map(({ id }) => id), [own.id], "members");
      assertSameBytes(members.map(({ info }) => info), [own.info]);
      if (!backend.capabilities.exclusive) {
        await backend.announce({ id: first, info: bytes("other") }, 60_000);
        const both = await backend.announce({ ...own, info: bytes("changed") }, 60_000);
        assert.deepEqual(both.members.map(({ id }) => id), [first, own.id]);
        assertSameBytes(both.members.map(({ info }) => info), [bytes("other"), bytes("changed")]);
      }
      await backend.leave(first);
      const left = await backend.announce(own, 60_000);
      assert.deepEqual(left.members.map(({ id }) => id), [own.id], "members that are left");
    },
  },
  {
    name: "changes() ends when its signal is aborted",
    see: "Backend.changes",
    async check({ backend }) {
      for (const abortsBefore of [true, false]) {
        const controller = new AbortController();
        if (abortsBefore) controller.abort();
        const watching = countWakes(backend.changes(controller.signal));
        controller.abort();
        assert.ok(await watching >= 0);
      }
    },
  },
  {
    name: "size() grows with what is stored and holds at least what is in use",
    see: "Size.inUse, Size.empty",
    async check(subject) {
      const before = await subject.backend.size();
      assert.equal(before.empty, before.total, "a new store is empty");
      const value = new Uint8Array(1_000_000).fill(5);
      await append(subject, { rows: [putRow(bytes("a"), { revision: 2, value })] });
      const after = await subject.backend.size();
      // What was in use may have had a little room.
      const grown = after.inUse - before.inUse;
      assert.ok(
        grown >= 0.99 * value.length && after.inUse >= value.length,
        `after 1 MB was stored, inUse is ${grown} bytes more`,
      );
      assert.equal(after.empty, before.empty, "what an empty store takes up");
      for (const { total, inUse } of [before, after]) {
        assert.ok(total >= inUse && inUse >= 0, `${inUse} bytes in use of ${total}`);
      }
    },
  },
  {
    name: "defragment() gives trimmed space back and keeps everything else",
    see: "Backend.defragment",
    async check(subject) {
      const value = new Uint8Array(100_000).fill(5);
      for (let revision = 2; revision < 60; revision++) {
        await append(subject, { rows: [putRow(bytes("a"), { revision, value })] });
      }
      await append(subject, { compactRevision: 59 });
      while (!(await subject.backend.trim({ upTo: Number.MAX_SAFE_INTEGER, rowsMax: 100 })).done);
      const { kvs } = await range(subject.backend);
      await subject.backend.defragment();
      const size = await subject.backend.size();
      assert.ok(
        size.total < 20 * value.length,
        `of 5.8 MB, 5.7 of them trimmed, ${size.total} bytes are left`,
      );
      assertSameBytes((await range(subject.backend)).kvs, kvs);
      await subject.reopen();
      assertSameBytes((await range(subject.backend)).kvs, kvs);
      await append(subject, { rows: [putRow(bytes("a"), { revision: 60, value })] });
    },
  },
];

async function countWakes(changes: AsyncIterable<void>): Promise<number> {
  let wakes = 0;
  for await (const _ of changes) wakes++;
  return wakes;
}

/** All that can be read, for a comparison. */
async function everythingOf({ backend }: Subject): Promise<Record<string, unknown>> {
  return {
    "head()": await backend.head(),
    "range()": (await range(backend)).kvs,
    "history()": await history(backend),
    // Their time runs meanwhile.
    "leases()": (await backend.leases(100)).leases.map(({ id, ttl }) => [id, ttl]),
    "records()": (await backend.records("")).records,
  };
}
