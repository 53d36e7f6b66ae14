import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { create } from "@bufbuild/protobuf";
import {
  DeleteRangeRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  type RequestOp,
  RequestOpSchema,
  TxnRequestSchema,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { EtcdError } from "../errors.ts";
import { checkDuplicates } from "./check_duplicates.ts";

function put(key: string): RequestOp {
  const value = create(PutRequestSchema, { key: Buffer.from(key) });
  return create(RequestOpSchema, { request: { case: "requestPut", value } });
}

function del(key: string, rangeEnd = ""): RequestOp {
  const fields = { key: Buffer.from(key), rangeEnd: Buffer.from(rangeEnd) };
  const value = create(DeleteRangeRequestSchema, fields);
  return create(RequestOpSchema, { request: { case: "requestDeleteRange", value } });
}

function get(key: string): RequestOp {
  const value = create(RangeRequestSchema, { key: Buffer.from(key) });
  return create(RequestOpSchema, { request: { case: "requestRange", value } });
}

function txn(success: RequestOp[], failure: RequestOp[] = []): RequestOp {
  const value = create(TxnRequestSchema, { success, failure });
  return create(RequestOpSchema, { request: { case: "requestTxn", value } });
}

function check(success: RequestOp[], failure: RequestOp[] = []): void {
  checkDuplicates(create(TxnRequestSchema, { success, failure }));
}

function refuses(success: RequestOp[], failure: RequestOp[] = []): void {
  assert.throws(
    () => check(success, failure),
    (error) => error instanceof EtcdError && error.reason === "duplicateKey",
  );
}

Deno.test("checkDuplicates() refuses a key that is put twice, in either branch", () => {
  refuses([put("a"), put("a")]);
  refuses([], [put("a"), put("b"), put("a")]);
});

Deno.test("checkDuplicates() refuses a key that is put and deleted, whichever comes first", () => {
  refuses([put("a"), del("a")]);
  refuses([del("a"), put("a")]);
  refuses([put("b"), del("a", "c")]);
  check([put("c"), del("a", "c")]);
});

Deno.test("checkDuplicates() lets both branches change the same key, since only one of them runs", () => {
  check([put("a")], [put("a")]);
  check([put("a")], [del("a", "z")]);
  check([txn([put("a")], [put("a")])]);
});

Deno.test("checkDuplicates() lets deletes overlap, and reads stand beside anything", () => {
  check([del("a", "c"), del("b", "d"), del("b")]);
  check([put("a"), get("a"), get("a")]);
});

Deno.test("checkDuplicates() looks across nested transactions, to any depth", () => {
  refuses([put("a"), txn([put("a")])]);
  refuses([put("a"), txn([], [txn([put("a")])])]);
  refuses([txn([put("a")]), txn([], [put("a")])]);
  refuses([put("a"), txn([del("a", "b")])]);
  refuses([del("a", "z"), txn([txn([], [put("b")])])]);
  check([put("a"), txn([put("b")], [txn([put("c")])])]);
});

Deno.test("checkDuplicates() does not see a put of one nested transaction in the delete of a later one", () => {
  // As in etcd: puts of nested transactions are held against the deletes collected before them.
  check([txn([put("a")]), txn([del("a")])]);
  refuses([txn([del("a")]), txn([put("a")])]);
});

Deno.test("checkDuplicates() takes a delete from a key on for one of nothing, as etcd does", () => {
  check([del("a", "\0"), put("b")]);
  check([del("a", "\0"), put("a")]);
});
