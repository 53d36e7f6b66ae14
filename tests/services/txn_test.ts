import assert from "node:assert/strict";
import type {
  DeleteRangeResponse,
  PutResponse,
  RangeResponse,
  TxnResponse,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { keysOf, revisionOf, valuesOf } from "../support/readable.ts";
import { serviceTest } from "../support/service_case.ts";
import { compare, op } from "../support/txn_parts.ts";

interface AnswerOf {
  readonly responseRange: RangeResponse;
  readonly responsePut: PutResponse;
  readonly responseDeleteRange: DeleteRangeResponse;
  readonly responseTxn: TxnResponse;
}

/** The answer to one operation, which must be of the kind asked for. */
function answerOf<Kind extends keyof AnswerOf>(
  answer: TxnResponse,
  [index, kind]: readonly [index: number, kind: Kind],
): AnswerOf[Kind] {
  const response = answer.responses[index]?.response;
  assert.equal(response?.case, kind);
  return response?.value as AnswerOf[Kind]; // The case was just checked.
}

serviceTest("Txn: runs success if the compares hold and failure if not", async (t) => {
  const { client: { kv }, key } = t;
  const branches = {
    success: [op.put({ key: key("a"), value: "then" })],
    failure: [op.put({ key: key("a"), value: "else" })],
  };
  const no = await kv.txn({ compare: [compare(key("a"), ["version", ">", 0])], ...branches });
  assert.equal(no.succeeded, false);
  assert.deepEqual(valuesOf(await kv.range({ key: key("a") })), ["else"]);
  const yes = await kv.txn({ compare: [compare(key("a"), ["version", ">", 0])], ...branches });
  assert.equal(yes.succeeded, true);
  assert.deepEqual(valuesOf(await kv.range({ key: key("a") })), ["then"]);
});

serviceTest("Txn: an empty transaction succeeds and changes nothing", async (t) => {
  const before = revisionOf(await t.client.kv.put({ key: t.key("a") }));
  const answer = await t.client.kv.txn({});
  assert.deepEqual([answer.succeeded, answer.responses, revisionOf(answer)], [true, [], before]);
});

serviceTest("Txn: an empty failure branch is run like any other", async (t) => {
  const answer = await t.client.kv.txn({
    compare: [compare(t.key("a"), ["version", ">", 0])],
    success: [op.put({ key: t.key("a") })],
  });
  assert.deepEqual([answer.succeeded, answer.responses], [false, []]);
});

serviceTest("Txn: all its writes are one revision", async (t) => {
  const { client: { kv }, key, all } = t;
  const before = revisionOf(await kv.put({ key: key("old") }));
  const answer = await kv.txn({
    success: [
      op.put({ key: key("a") }),
      op.put({ key: key("b") }),
      op.deleteRange({ key: key("old") }),
    ],
  });
  assert.equal(revisionOf(answer), before + 1n);
  const found = await kv.range(all());
  assert.deepEqual(keysOf(found), [key("a"), key("b")]);
  assert.deepEqual(found.kvs.map((kv) => kv.modRevision), [before + 1n, before + 1n]);
});

serviceTest("Txn: a transaction that changes nothing leaves the revision as it is", async (t) => {
  const { client: { kv }, key } = t;
  const before = revisionOf(await kv.put({ key: key("a") }));
  const answer = await kv.txn({
    success: [op.deleteRange({ key: key("missing") }), op.range({ key: key("a") })],
  });
  assert.equal(revisionOf(answer), before);
});

serviceTest("Txn: answers come in the order of the operations", async (t) => {
  const { client: { kv }, key, all } = t;
  await kv.put({ key: key("old"), value: "0" });
  const answer = await kv.txn({
    success: [
      op.put({ key: key("a"), value: "1" }),
      op.range(all()),
      op.deleteRange({ ...all("o"), prevKv: true }),
      op.txn({ success: [op.range(all())] }),
    ],
  });
  const kinds = answer.responses.map(({ response }) => response.case);
  assert.deepEqual(kinds, ["responsePut", "responseRange", "responseDeleteRange", "responseTxn"]);
  assert.deepEqual(keysOf(answerOf(answer, [1, "responseRange"])), [key("a"), key("old")]);
  const deleted = answerOf(answer, [2, "responseDeleteRange"]);
  assert.deepEqual([deleted.deleted, deleted.prevKvs.length], [1n, 1]);
  const nested = answerOf(answer, [3, "responseTxn"]);
  assert.equal(nested.succeeded, true);
  assert.deepEqual(keysOf(answerOf(nested, [0, "responseRange"])), [key("a")]);
});

serviceTest("Txn: reads see the writes before them and not those after", async (t) => {
  const { client: { kv }, key } = t;
  const before = revisionOf(await kv.put({ key: key("a"), value: "0" }));
  const answer = await kv.txn({
    success: [
      op.range({ key: key("a") }),
      op.put({ key: key("a"), value: "1" }),
      op.range({ key: key("a") }),
      op.range({ key: key("a"), revision: before }),
    ],
  });
  const read = (index: number) => answerOf(answer, [index, "responseRange"]);
  assert.deepEqual(valuesOf(read(0)), ["0"]);
  assert.deepEqual(valuesOf(read(2)), ["1"]);
  assert.deepEqual(
    [read(2).kvs[0]?.modRevision, read(2).kvs[0]?.version],
    [before + 1n, 2n],
  );
  assert.deepEqual(valuesOf(read(3)), ["0"]);
});

serviceTest("Txn: a delete sees the puts of nested transactions before it", async (t) => {
  const { client: { kv }, key, all } = t;
  const answer = await kv.txn({
    success: [
      op.txn({ success: [op.put({ key: key("a"), value: "1" })] }),
      op.txn({ success: [op.deleteRange({ ...all(), prevKv: true })] }),
    ],
  });
  const deleted = answerOf(answerOf(answer, [1, "responseTxn"]), [0, "responseDeleteRange"]);
  assert.equal(deleted.deleted, 1n);
  assert.deepEqual(valuesOf({ kvs: deleted.prevKvs }), ["1"]);
  assert.equal((await kv.range(all())).count, 0n);
});

serviceTest("Txn: puts give the previous key-value if asked for", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a"), value: "0" });
  const answer = await kv.txn({
    success: [
      op.put({ key: key("a"), value: "1", prevKv: true }),
      op.put({ key: key("b"), value: "1", prevKv: true }),
    ],
  });
  const previous = answerOf(answer, [0, "responsePut"]).prevKv;
  assert.deepEqual(valuesOf({ kvs: previous ? [previous] : [] }), ["0"]);
  assert.equal(answerOf(answer, [1, "responsePut"]).prevKv, undefined);
});

serviceTest("Txn: a range takes limit, sort, filters and count only", async (t) => {
  const { client: { kv }, key, all } = t;
  for (const [name = "", value = ""] of ["a3", "b1", "c2"]) await kv.put({ key: key(name), value });
  const answer = await kv.txn({
    success: [
      op.range({ ...all(), limit: 2 }),
      op.range({ ...all(), sortTarget: 4, sortOrder: 2, limit: 1 }),
      op.range({ ...all(), countOnly: true }),
      op.range({ ...all(), keysOnly: true, minModRevision: 2n ** 40n }),
    ],
  });
  const cut = answerOf(answer, [0, "responseRange"]);
  assert.deepEqual([keysOf(cut), cut.more, cut.count], [[key("a"), key("b")], true, 3n]);
  assert.deepEqual(keysOf(answerOf(answer, [1, "responseRange"])), [key("a")]);
  const counted = answerOf(answer, [2, "responseRange"]);
  assert.deepEqual([counted.kvs, counted.count], [[], 3n]);
  const filtered = answerOf(answer, [3, "responseRange"]);
  assert.deepEqual([filtered.kvs, filtered.count], [[], 3n]);
});

serviceTest("Txn: nested compares look at the store before the transaction", async (t) => {
  const { client: { kv }, key } = t;
  const answer = await kv.txn({
    success: [
      op.put({ key: key("a"), value: "1" }),
      op.txn({
        compare: [compare(key("a"), ["version", ">", 0])],
        success: [op.put({ key: key("b"), value: "then" })],
        failure: [op.put({ key: key("b"), value: "else" })],
      }),
    ],
  });
  assert.equal(answerOf(answer, [1, "responseTxn"]).succeeded, false);
  assert.deepEqual(valuesOf(await kv.range({ key: key("b") })), ["else"]);
});

serviceTest("Txn: nested transactions take their own branches, each and in depth", async (t) => {
  const { client: { kv }, key, all } = t;
  await kv.put({ key: key("seed") });
  const yes = compare(key("seed"), ["version", "=", 1]);
  const no = compare(key("seed"), ["version", "=", 2]);
  const put = (name: string) => op.put({ key: key(name) });
  const answer = await kv.txn({
    compare: [no],
    success: [op.txn({ success: [put("not taken")] })],
    failure: [
      op.txn({
        compare: [yes],
        success: [
          op.txn({ compare: [no], success: [put("no1")], failure: [put("1")] }),
          put("2"),
          op.txn({ compare: [yes], success: [put("3")], failure: [put("no2")] }),
        ],
      }),
      op.txn({ compare: [no], success: [put("no3")], failure: [op.txn({ success: [put("4")] })] }),
      op.txn({ compare: [yes], success: [put("5")] }),
    ],
  });
  const succeeded = (parent: TxnResponse, index: number) =>
    answerOf(parent, [index, "responseTxn"]).succeeded;
  assert.deepEqual([0, 1, 2].map((i) => succeeded(answer, i)), [true, false, true]);
  const first = answerOf(answer, [0, "responseTxn"]);
  assert.deepEqual([succeeded(first, 0), succeeded(first, 2)], [false, true]);
  const found = await kv.range(all());
  assert.deepEqual(keysOf(found), ["1", "2", "3", "4", "5", "seed"].map(key));
  assert.equal(new Set(found.kvs.map((kv) => kv.modRevision)).size, 2);
});

serviceTest(
  "Txn: headers: whole outside, revision only inside, empty in nested ones",
  async (t) => {
    const { client: { kv }, key } = t;
    const before = revisionOf(await kv.put({ key: key("a") }));
    const answer = await kv.txn({
      success: [
        op.range({ key: key("a") }),
        op.put({ key: key("b") }),
        op.range({ key: key("a") }),
        op.deleteRange({ key: key("missing") }),
        op.txn({ success: [op.put({ key: key("c") })] }),
      ],
    });
    const { header } = answer;
    assert.ok(header !== undefined && header.clusterId > 0n && header.memberId > 0n);
    assert.ok(header.raftTerm > 0n);
    assert.equal(header.revision, before + 1n);
    const inside = answer.responses.map(({ response }) => response.value?.header);
    for (const header of inside) {
      assert.deepEqual([header?.clusterId, header?.memberId, header?.raftTerm], [0n, 0n, 0n]);
    }
    const revisions = inside.map((header) => header?.revision);
    assert.deepEqual(revisions, [before, before + 1n, before + 1n, before + 1n, 0n]);
    const nested = answerOf(answer, [4, "responseTxn"]);
    assert.equal(revisionOf(answerOf(nested, [0, "responsePut"])), before + 1n);
  },
);

serviceTest("Txn: leases and ignore flags work as in a put", async (t) => {
  const { client: { kv, lease }, key } = t;
  const { ID } = await lease.leaseGrant({ TTL: 600 });
  await kv.put({ key: key("a"), value: "1", lease: ID });
  await kv.put({ key: key("b"), value: "1", lease: ID });
  await kv.txn({
    success: [
      op.put({ key: key("a"), ignoreValue: true }),
      op.put({ key: key("b"), value: "2", ignoreLease: true }),
      op.put({ key: key("c"), value: "3", lease: ID }),
    ],
  });
  const found = await kv.range(t.all());
  assert.deepEqual(valuesOf(found), ["1", "2", "3"]);
  assert.deepEqual(found.kvs.map((kv) => kv.lease), [0n, ID, ID]);
  await lease.leaseRevoke({ ID });
  assert.deepEqual(keysOf(await kv.range(t.all())), [key("a")]);
});

serviceTest("Txn: of two that compare the same version only one succeeds", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a"), value: "0" });
  const attempts = Array.from({ length: 20 }, (_, index) =>
    kv.txn({
      compare: [compare(key("a"), ["version", "=", 1])],
      success: [op.put({ key: key("a"), value: String(index) })],
      failure: [op.range({ key: key("a") })],
    }));
  const answers = await Promise.all(attempts);
  assert.equal(answers.filter((answer) => answer.succeeded).length, 1);
  assert.equal((await kv.range({ key: key("a") })).kvs[0]?.version, 2n);
});

serviceTest("Txn: a failing transaction writes nothing", async (t) => {
  const { client: { kv }, key, all } = t;
  const before = revisionOf(await kv.put({ key: key("seed") }));
  const put = op.put({ key: key("a"), value: "1" });
  const failing = [
    [op.range({ key: key("seed"), revision: before + 1n }), CODE.OUT_OF_RANGE],
    [op.put({ key: key("b"), lease: 4711 }), CODE.NOT_FOUND],
    [op.put({ key: key("b"), ignoreValue: true }), CODE.INVALID_ARGUMENT],
    [op.txn({ success: [op.put({ key: key("b"), lease: 4711 })] }), CODE.NOT_FOUND],
  ] as const;
  for (const [bad, code] of failing) {
    await assertFails(kv.txn({ success: [put, bad] }), [code, /^etcdserver: /]);
    await assertFails(kv.txn({ success: [op.txn({ success: [put] }), bad] }), [
      code,
      /^etcdserver: /,
    ]);
  }
  const found = await kv.range(all());
  assert.deepEqual([keysOf(found), revisionOf(found)], [[key("seed")], before]);
});
