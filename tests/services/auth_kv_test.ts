// Auth: which keys a user may read and write.

import assert from "node:assert/strict";
import type { CallExtras } from "../support/grpc_client.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import { compare, op } from "../support/txn_parts.ts";
import {
  BAD_TOKEN,
  DENIED,
  enableAuth,
  FRESH,
  grantTo,
  READ,
  READWRITE,
  USER_EMPTY,
  userWith,
  WRITE,
} from "./auth_case.ts";

const OPEN_END = "\0";

serviceTest("Auth: without a token nobody reads or writes", FRESH, async (t) => {
  const root = await enableAuth(t.client);
  const { kv } = t.client;
  const anonymous: (CallExtras | undefined)[] = [undefined, {}];
  for (const extras of anonymous) {
    await assertFails(kv.range({ key: "k" }, extras), USER_EMPTY);
    await assertFails(kv.range({ key: "k", rangeEnd: "l" }, extras), USER_EMPTY);
    await assertFails(kv.range({ key: "k", serializable: true }, extras), USER_EMPTY);
    await assertFails(kv.range({ key: "k", rangeEnd: "l", countOnly: true }, extras), USER_EMPTY);
    await assertFails(kv.put({ key: "k" }, extras), USER_EMPTY);
    await assertFails(kv.deleteRange({ key: "k" }, extras), USER_EMPTY);
    await assertFails(kv.txn({ success: [op.put({ key: "k" })] }, extras), USER_EMPTY);
    await assertFails(kv.txn({ success: [op.range({ key: "k" })] }, extras), USER_EMPTY);
    await assertFails(kv.compact({ revision: 1 }, extras), USER_EMPTY);
    using stream = kv.rangeStream({ key: "k", rangeEnd: "l" }, extras);
    await assertFails(stream.next(), USER_EMPTY);
  }
  await kv.txn({});
  await kv.put({ key: "k" }, root);
});

serviceTest("Auth: a token comes in one of two headers, bare or as Bearer", FRESH, async (t) => {
  const root = await enableAuth(t.client);
  const token = String(root.metadata?.token);
  const { kv } = t.client;
  await kv.put({ key: "k" }, { metadata: { token: `Bearer ${token}` } });
  await kv.put({ key: "k" }, { metadata: { authorization: token } });
  await kv.put({ key: "k" }, { metadata: { authorization: `Bearer ${token}` } });
  await kv.put({ key: "k" }, { metadata: { token, authorization: "bad" } });
  for (const bad of ["bad", "", `bearer ${token}`, `${token}x`, token.slice(1)]) {
    await assertFails(kv.put({ key: "k" }, { metadata: { token: bad } }), BAD_TOKEN);
    await assertFails(kv.range({ key: "k" }, { metadata: { authorization: bad } }), BAD_TOKEN);
  }
  await assertFails(
    kv.put({ key: "k" }, { metadata: { token: "bad", authorization: token } }),
    BAD_TOKEN,
  );
});

serviceTest("Auth: READ, WRITE and READWRITE of one key", FRESH, async (t) => {
  const { kv } = t.client;
  const { root, a } = await userWith(t.client, [
    { type: READ, key: "r" },
    { type: WRITE, key: "w" },
    { type: READWRITE, key: "rw" },
  ]);
  for (const key of ["r", "w", "rw", "x"]) await kv.put({ key, value: "1" }, root);
  assert.equal((await kv.range({ key: "r" }, a)).count, 1n);
  assert.equal((await kv.range({ key: "rw" }, a)).count, 1n);
  await assertFails(kv.range({ key: "w" }, a), DENIED);
  await assertFails(kv.range({ key: "x" }, a), DENIED);
  await assertFails(kv.range({ key: "r\0" }, a), DENIED);
  await kv.put({ key: "w" }, a);
  await kv.put({ key: "rw" }, a);
  await assertFails(kv.put({ key: "r" }, a), DENIED);
  await assertFails(kv.put({ key: "w", prevKv: true }, a), DENIED);
  await kv.put({ key: "rw", prevKv: true }, a);
  await assertFails(kv.deleteRange({ key: "w", prevKv: true }, a), DENIED);
  await assertFails(kv.deleteRange({ key: "r" }, a), DENIED);
  assert.equal((await kv.deleteRange({ key: "w" }, a)).deleted, 1n);
  assert.equal((await kv.deleteRange({ key: "rw", prevKv: true }, a)).prevKvs.length, 1);
});

serviceTest("Auth: a range needs all of its keys, from any roles together", FRESH, async (t) => {
  const { kv, auth } = t.client;
  const { root, a } = await userWith(t.client, [
    { type: READ, key: "a", rangeEnd: "c" },
    { type: READ, key: "e", rangeEnd: "g" },
    { type: READ, key: "m", rangeEnd: OPEN_END },
  ]);
  await auth.roleAdd({ name: "more" }, root);
  await grantTo(t.client, {
    name: "more",
    grant: { type: READWRITE, key: "c", rangeEnd: "d" },
    as: root,
  });
  const read = (key: string, rangeEnd: string) => kv.range({ key, rangeEnd }, a);
  await assertFails(read("a", "d"), DENIED);
  await auth.userGrantRole({ user: "a", role: "more" }, root);
  await read("a", "d");
  await read("b", "c\0");
  await assertFails(read("a", "d\0"), DENIED);
  await assertFails(read("a", "f"), DENIED);
  await assertFails(read("0", "b"), DENIED);
  await assertFails(read("a", OPEN_END), DENIED);
  await read("m", OPEN_END);
  await read("n", "zzz");
  await read("x", OPEN_END);
  await assertFails(read("l", OPEN_END), DENIED);
  // What holds no key is judged by where it begins.
  await read("b", "a");
  await assertFails(read("h", "a"), DENIED);
  await kv.deleteRange({ key: "c", rangeEnd: "d" }, a);
  await assertFails(kv.deleteRange({ key: "b", rangeEnd: "d" }, a), DENIED);
  await kv.range({ key: "a", rangeEnd: "d", countOnly: true, serializable: true }, a);
  await assertFails(kv.range({ key: "d", rangeEnd: "e", countOnly: true }, a), DENIED);
});

serviceTest("Auth: the smallest key up to an open end is everything", FRESH, async (t) => {
  const { a } = await userWith(t.client, [{ type: READ, key: "\0", rangeEnd: OPEN_END }]);
  await t.client.kv.range({ key: "\0", rangeEnd: OPEN_END }, a);
  await t.client.kv.range({ key: "\xff".repeat(9) }, a);
  await assertFails(t.client.kv.put({ key: "k" }, a), DENIED);
});

serviceTest("Auth: a transaction needs all that is in it, taken or not", FRESH, async (t) => {
  const { kv } = t.client;
  const { root, a } = await userWith(t.client, [
    { type: READ, key: "r" },
    { type: WRITE, key: "w" },
  ]);
  await kv.put({ key: "r", value: "1" }, root);
  const fine = op.range({ key: "r" });
  const write = op.put({ key: "w" });
  await kv.txn(
    { compare: [compare("r", ["version", "=", 1])], success: [fine], failure: [write] },
    a,
  );
  const bad = [op.range({ key: "w" }), op.put({ key: "r" }), op.deleteRange({ key: "r" })];
  for (const one of bad) {
    await assertFails(kv.txn({ success: [fine, one] }, a), DENIED);
    await assertFails(kv.txn({ success: [write], failure: [one] }, a), DENIED);
    await assertFails(kv.txn({ success: [op.txn({ failure: [one] })] }, a), DENIED);
  }
  await assertFails(
    kv.txn({ compare: [compare("w", ["version", "=", 0])], success: [fine] }, a),
    DENIED,
  );
  await assertFails(
    kv.txn({ compare: [compare("w", ["version", "=", 0])], success: [write] }, a),
    DENIED,
  );
  await assertFails(kv.txn({ success: [op.put({ key: "w", prevKv: true })] }, a), DENIED);
  await assertFails(kv.txn({ success: [op.deleteRange({ key: "w", prevKv: true })] }, a), DENIED);
  await kv.txn({ success: [op.deleteRange({ key: "w" }), op.txn({ success: [fine] })] }, a);
  // A transaction of nothing needs nothing.
  await kv.txn({}, a);
});

serviceTest("Auth: RangeStream needs READ", FRESH, async (t) => {
  const { kv } = t.client;
  const { root, a } = await userWith(t.client, [{ type: READ, key: "k", rangeEnd: "l" }]);
  await kv.put({ key: "k1" }, root);
  using stream = kv.rangeStream({ key: "k", rangeEnd: "l" }, a);
  assert.equal((await stream.next()).rangeResponse?.kvs.length, 1);
  using denied = kv.rangeStream({ key: "k", rangeEnd: "m" }, a);
  await assertFails(denied.next(), DENIED);
});

serviceTest("Auth: what is granted and revoked counts at once", FRESH, async (t) => {
  const { kv, auth } = t.client;
  const { root, a } = await userWith(t.client, []);
  const perm = { permType: READWRITE, key: "k", rangeEnd: "l" };
  for (let round = 0; round < 5; round++) {
    await assertFails(kv.put({ key: "k" }, a), DENIED);
    await assertFails(kv.range({ key: "k" }, a), DENIED);
    await auth.roleGrantPermission({ name: "a", perm }, root);
    await kv.put({ key: "k" }, a);
    await kv.range({ key: "k" }, a);
    await auth.roleRevokePermission({ role: "a", key: "k", rangeEnd: "l" }, root);
  }
});

serviceTest("Auth: checks of the request come first, the size last", FRESH, async (t) => {
  const { kv } = t.client;
  const { a } = await userWith(t.client, []);
  const empty = [CODE.INVALID_ARGUMENT, "etcdserver: key is not provided"] as const;
  const large = [CODE.INVALID_ARGUMENT, "etcdserver: request is too large"] as const;
  const bad = { metadata: { token: "bad" } };
  await assertFails(kv.put({ key: "" }, bad), empty);
  await assertFails(kv.range({ key: "" }), empty);
  const value = new Uint8Array(1_600_000);
  await assertFails(kv.put({ key: "k", value }, bad), BAD_TOKEN);
  await assertFails(kv.put({ key: "k", value }, a), large);
  await assertFails(kv.put({ key: "k", value }), large);
  await assertFails(kv.put({ key: "k", lease: 4_711 }, a), DENIED);
});

serviceTest("Auth: only root compacts", FRESH, async (t) => {
  const { kv } = t.client;
  const { root, a } = await userWith(t.client, [
    { type: READWRITE, key: "\0", rangeEnd: OPEN_END },
  ]);
  await kv.put({ key: "k" }, a);
  await assertFails(kv.compact({ revision: 1 }, a), DENIED);
  await kv.compact({ revision: 1 }, root);
});

serviceTest("Auth: a user with the role root may do what root may", FRESH, async (t) => {
  const { root, a } = await userWith(t.client, []);
  await t.client.auth.userGrantRole({ user: "a", role: "root" }, root);
  await t.client.kv.put({ key: "k", prevKv: true }, a);
  await t.client.kv.range({ key: "\0", rangeEnd: OPEN_END }, a);
  await t.client.auth.userAdd({ name: "b", password: "b" }, a);
  await t.client.kv.compact({ revision: 1 }, a);
});
