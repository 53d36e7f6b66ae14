/** Users and roles belong to the database: what is changed through one server holds on all others at once. */

import assert from "node:assert/strict";
import {
  addUser,
  AUTH_FAILED,
  BAD_TOKEN,
  CHEAP,
  DENIED,
  enableAuth,
  grantTo,
  READWRITE,
  signIn,
  USER_EMPTY,
} from "../services/auth_case.ts";
import { WatchSession } from "../services/watch_session.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import type { CallExtras } from "../support/grpc_client.ts";
import { assertFails } from "../support/rpc_error.ts";
import { op } from "../support/txn_parts.ts";
import { clusterTest } from "./cluster_case.ts";
import { pause } from "../support/polling.ts";
import type { Servers } from "./servers.ts";

const ROUNDS = 12;
const TOKEN_TTL_MS = 2_000;
/** Servers that have not seen a token in use may wait half as long again, and look each second. */
const TOKEN_GONE_MS = 1.5 * TOKEN_TTL_MS + 1_500;

const FRESH = { fresh: true, count: 2, flags: [CHEAP] } as const;

function bothOf({ clients: [a, b] }: Servers): [EtcdClient, EtcdClient] {
  assert.ok(a !== undefined && b !== undefined);
  return [a, b];
}

/** Every way to read and to write one key. */
const CALLS: ((client: EtcdClient, as?: CallExtras) => Promise<unknown>)[] = [
  ({ kv }, as) => kv.put({ key: "k" }, as),
  ({ kv }, as) => kv.range({ key: "k" }, as),
  ({ kv }, as) => kv.range({ key: "k", rangeEnd: "k1" }, as),
  ({ kv }, as) => kv.range({ key: "k", rangeEnd: "k1", countOnly: true }, as),
  ({ kv }, as) => kv.txn({ success: [op.put({ key: "k" })] }, as),
  ({ kv }, as) => kv.txn({ success: [op.range({ key: "k" })] }, as),
  ({ kv }, as) => kv.deleteRange({ key: "k" }, as),
];

clusterTest("authentication that one server turns on is on at the others", FRESH, async (t) => {
  const [a, b] = bothOf(t.servers);
  await b.kv.put({ key: "k" });
  let root = await enableAuth(a);
  for (const call of CALLS) {
    await assertFails(call(b), USER_EMPTY);
    await a.auth.authDisable({}, root);
    await call(b);
    await b.auth.authEnable({});
    root = await signIn(b, "root", "pw");
  }
  assert.equal((await b.auth.authStatus({})).enabled, true);
});

clusterTest("a token that one server gives is good on the others", FRESH, async (t) => {
  const [a, b] = bothOf(t.servers);
  const root = await enableAuth(a);
  await addUser(a, { name: "u", grants: [{ type: READWRITE, key: "k", rangeEnd: "l" }], as: root });
  for (const call of CALLS.slice(0, 3)) {
    const token = await signIn(a, "u", "u");
    await call(b, token);
    await a.auth.userChangePassword({ name: "u", password: "u" }, root);
    await assertFails(call(b, token), BAD_TOKEN);
  }
  const token = await signIn(b, "u", "u");
  using session = new WatchSession(a, token);
  await session.create({ key: "k" });
  await a.lease.leaseGrant({ TTL: 600 }, token);
  await a.maintenance.status({}, await signIn(b, "u", "u"));
  await a.cluster.memberList({}, await signIn(b, "u", "u"));
});

clusterTest("a permission that one server revokes is revoked on the others", FRESH, async (t) => {
  const [a, b] = bothOf(t.servers);
  const root = await enableAuth(a);
  await addUser(a, { name: "u", grants: [], as: root });
  const user = await signIn(a, "u", "u");
  const grant = { type: READWRITE, key: "k", rangeEnd: "l" };
  for (let round = 0; round < ROUNDS; round++) {
    const call = CALLS[round % CALLS.length] ?? assert.fail();
    await assertFails(call(b, user), DENIED);
    await grantTo(a, { name: "u", grant: { ...grant }, as: root });
    await call(b, user);
    await a.auth.roleRevokePermission({ role: "u", key: "k", rangeEnd: "l" }, root);
    await assertFails(call(b, user), DENIED);
    using session = new WatchSession(b, user);
    session.sendCreate({ key: "k" });
    assert.equal((await session.created()).canceled, true);
  }
});

clusterTest("a password that one server changes is changed on the others", FRESH, async (t) => {
  const [a, b] = bothOf(t.servers);
  const root = await enableAuth(a);
  await a.auth.userAdd({ name: "u", password: "0" }, root);
  for (let round = 0; round < ROUNDS; round++) {
    await a.auth.userChangePassword({ name: "u", password: `${round + 1}` }, root);
    await assertFails(b.auth.authenticate({ name: "u", password: `${round}` }), AUTH_FAILED);
    await signIn(b, "u", `${round + 1}`);
  }
  await a.auth.userDelete({ name: "u" }, root);
  await assertFails(b.auth.authenticate({ name: "u", password: `${ROUNDS}` }), AUTH_FAILED);
});

clusterTest(
  "changes of users through all servers at once are counted one by one",
  FRESH,
  async (t) => {
    const [a, b] = bothOf(t.servers);
    const root = await enableAuth(a);
    const before = (await a.auth.authStatus({})).authRevision;
    await Promise.all(Array.from({ length: ROUNDS }, async (_, index) => {
      await (index % 2 === 0 ? a : b).auth.roleAdd({ name: `r${index}` }, root);
    }));
    const after = (await b.auth.authStatus({})).authRevision;
    assert.equal(after, before + BigInt(ROUNDS));
    assert.equal((await b.auth.roleList({}, root)).roles.length, ROUNDS);
  },
);

clusterTest(
  "a token in use on one server ends on none; one that no server sees ends on all",
  { ...FRESH, flags: [CHEAP, `--auth-token-ttl=${TOKEN_TTL_MS / 1_000}`] },
  async (t) => {
    const [a, b] = bothOf(t.servers);
    const root = await enableAuth(a);
    const idle = await signIn(a, "root", "pw");
    const endMs = performance.now() + TOKEN_TTL_MS + TOKEN_GONE_MS;
    while (performance.now() < endMs) {
      await b.kv.range({ key: "k" }, root);
      await pause(TOKEN_TTL_MS / 10);
    }
    await a.kv.range({ key: "k" }, root);
    await assertFails(a.kv.range({ key: "k" }, idle), BAD_TOKEN);
    await assertFails(b.kv.range({ key: "k" }, idle), BAD_TOKEN);
  },
);
