import assert from "node:assert/strict";
import { fillIn } from "./literals.ts";
import { queryName } from "./query_name.ts";
import { STATEMENTS } from "./statements.ts";

const { beginRead, beginWrite, commit, head, headAndKeys, lockHead, leasesById } = STATEMENTS;

Deno.test("queryName() tells what a query does to which table, without its values", () => {
  const keys = [new Uint8Array([1, 2])];
  assert.equal(queryName(head), "select head");
  assert.equal(queryName([beginWrite, lockHead].join(";")), "select head");
  assert.equal(queryName(fillIn(headAndKeys, { keys })), "select current");
  const leases = fillIn(leasesById, { ids: [1n] });
  assert.equal(queryName([beginRead, head, leases, commit].join(";")), "select lease");
  assert.equal(queryName(STATEMENTS.settle), "insert settle");
  assert.equal(queryName(commit), "session");
});

Deno.test("queryName() knows an append by the head that it moves", () => {
  const text = STATEMENTS.beginBlock + [STATEMENTS.moveHead, STATEMENTS.insertLog].join(";");
  assert.equal(queryName(text), "append");
});

Deno.test("queryName() finds one of a bounded number of names for any statement", () => {
  const names = new Set(Object.values(STATEMENTS).map(queryName));
  assert.ok(names.size < 40, `${[...names]}`);
});
