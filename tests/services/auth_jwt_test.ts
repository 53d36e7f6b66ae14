// Auth: signed tokens, and what becomes of them when users and roles change.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { EtcdClient } from "../support/etcd_client.ts";
import type { CallExtras } from "../support/grpc_client.ts";
import { assertFails } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import { op } from "../support/txn_parts.ts";
import {
  addUser,
  BAD_TOKEN,
  CHEAP,
  DENIED,
  enableAuth,
  OLD_REVISION,
  READWRITE,
  signIn,
  USER_EMPTY,
} from "./auth_case.ts";
import { WatchSession } from "./watch_session.ts";

const SECRET = "a secret of the operator's";
const KEY_FILE = await Deno.makeTempFile({ prefix: "rhino-jwt-" });
await Deno.writeTextFile(KEY_FILE, SECRET);
Deno.test.afterAll(() => Deno.remove(KEY_FILE));

const SIGNED = {
  fresh: true,
  flags: [CHEAP, `--auth-token=jwt,sign-method=HS256,priv-key=${KEY_FILE},ttl=10m`],
} as const;

/** A token that the operator's secret signs. */
function forge(claims: Record<string, unknown>, secret = SECRET): CallExtras {
  const parts = [{ alg: "HS256", typ: "JWT" }, claims].map((part) =>
    btoa(JSON.stringify(part)).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_")
  );
  const text = parts.join(".");
  const signature = createHmac("sha256", secret).update(text).digest("base64url");
  return { metadata: { token: `${text}.${signature}` } };
}

const exp = Math.floor(Date.now() / 1_000) + 600;

async function userA(client: EtcdClient): Promise<Record<"root" | "a", CallExtras>> {
  await enableAuth(client);
  const grants = [{ type: READWRITE, key: "a", rangeEnd: "b" }];
  await addUser(client, { name: "a", grants, as: await signIn(client, "root", "pw") });
  return { root: await signIn(client, "root", "pw"), a: await signIn(client, "a", "a") };
}

serviceTest("Auth: a signed token is good for what its user may do", SIGNED, async (t) => {
  const { root, a } = await userA(t.client);
  const { kv } = t.client;
  assert.equal(String(a.metadata?.token).split(".").length, 3);
  await kv.put({ key: "a" }, a);
  await kv.range({ key: "a" }, a);
  await assertFails(kv.put({ key: "b" }, a), DENIED);
  await kv.put({ key: "b" }, root);
});

serviceTest(
  "Auth: a signed token is old once users have changed, but root's",
  SIGNED,
  async (t) => {
    const { root, a } = await userA(t.client);
    const { kv, auth, lease } = t.client;
    const { ID } = await lease.leaseGrant({ TTL: 600 }, a);
    await kv.put({ key: "a", lease: ID }, a);
    await auth.roleAdd({ name: "new" }, root);
    for (const old of [a, root]) {
      await assertFails(kv.put({ key: "a" }, old), OLD_REVISION);
      await assertFails(kv.range({ key: "a" }, old), OLD_REVISION);
      await assertFails(kv.txn({ success: [op.put({ key: "a" })] }, old), OLD_REVISION);
      await assertFails(kv.txn({ success: [op.range({ key: "a" })] }, old), OLD_REVISION);
      await assertFails(kv.deleteRange({ key: "a" }, old), OLD_REVISION);
      using session = new WatchSession(t.client, old);
      session.sendCreate({ key: "a" });
      assert.equal(
        (await session.created()).cancelReason,
        "rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old",
      );
    }
    // What is not about keys does not ask for the revision.
    await auth.roleAdd({ name: "newer" }, root);
    await t.client.maintenance.status({}, a);
    await lease.leaseGrant({ TTL: 600 }, a);
    await assertFails(lease.leaseRevoke({ ID }, a), OLD_REVISION);
    await lease.leaseRevoke({ ID }, root);
    await kv.put({ key: "a" }, await signIn(t.client, "a", "a"));
  },
);

serviceTest("Auth: who has the secret signs tokens; others do not", SIGNED, async (t) => {
  await userA(t.client);
  const { kv } = t.client;
  const { authRevision } = await t.client.auth.authStatus({});
  const revision = Number(authRevision);
  const put = (claims: Record<string, unknown>, secret?: string) =>
    kv.put({ key: "a" }, forge(claims, secret));
  await put({ username: "a", revision, exp });
  await put({ username: "a", revision });
  await assertFails(put({ username: "a", revision, exp }, "another"), BAD_TOKEN);
  await assertFails(put({ username: "a", revision, exp: exp - 3_600 }), BAD_TOKEN);
  await assertFails(put({ username: "a", exp }), BAD_TOKEN);
  await assertFails(put({ revision, exp }), BAD_TOKEN);
  await assertFails(put({ username: "a", revision: revision - 1, exp }), OLD_REVISION);
  await assertFails(put({ username: "a", revision: 0, exp }), USER_EMPTY);
  await assertFails(put({ username: "nobody", revision, exp }), DENIED);
  await assertFails(put({ username: "", revision, exp }), DENIED);
  // From a store that was further: writes pass, and reads do not.
  const further = forge({ username: "a", revision: revision + 1, exp });
  await kv.put({ key: "a" }, further);
  await assertFails(kv.range({ key: "a" }, further), OLD_REVISION);
  await assertFails(kv.range({ key: "x" }, further), DENIED);
  await assertFails(kv.put({ key: "a" }, { metadata: { token: "no.signed.token" } }), BAD_TOKEN);
});

serviceTest(
  "Auth: enabling counts as no change, so a token signed before is good",
  SIGNED,
  async (t) => {
    const { auth, kv } = t.client;
    await auth.userAdd({ name: "root", password: "pw" });
    await auth.userGrantRole({ user: "root", role: "root" });
    const before = forge({ username: "root", revision: 3, exp });
    await auth.authEnable({});
    await kv.put({ key: "a" }, before);
    await kv.range({ key: "a" }, before);
  },
);
