// Auth: watches, and what concerns the server as a whole.

import assert from "node:assert/strict";
import {
  AlarmRequest_AlarmAction as Action,
  AlarmType,
  DowngradeRequest_DowngradeAction as DowngradeAction,
} from "../../gen/etcdserverpb/maintenance_pb.ts";
import type { CallExtras } from "../support/grpc_client.ts";
import { assertFails } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import {
  addUser,
  BAD_TOKEN,
  CHEAP,
  DENIED,
  enableAuth,
  FRESH,
  READ,
  READWRITE,
  signIn,
  USER_EMPTY,
  userWith,
} from "./auth_case.ts";
import { NO_WATCH_ID, WatchSession } from "./watch_session.ts";
import { pause } from "../support/polling.ts";

const TOKEN_TTL_MS = 2_000;
/** More than the time between two looks for idle tokens. */
const LOOK_MS = 1_500;

const DENIED_TEXT = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";

const GRANTS = [{ type: READ, key: "a", rangeEnd: "b" }];

serviceTest("Watch: is refused where the user may not read", FRESH, async (t) => {
  const { root, a } = await userWith(t.client, GRANTS);
  const refusals = [
    { as: a, create: { key: "b" }, reason: DENIED_TEXT },
    { as: a, create: { key: "a", rangeEnd: "\0" }, reason: DENIED_TEXT },
    { as: a, create: {}, reason: DENIED_TEXT },
    { as: a, create: { key: "b", rangeEnd: "a" }, reason: DENIED_TEXT },
    {
      as: {},
      create: { key: "a" },
      reason: "rpc error: code = InvalidArgument desc = etcdserver: user name is empty",
    },
    {
      as: { metadata: { token: "bad" } },
      create: { key: "a" },
      reason: "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
    },
    {
      as: a,
      create: { key: "b", startRevision: -1 },
      reason: "etcdserver: mvcc: required revision has been compacted",
    },
  ];
  for (const { as, create, reason } of refusals) {
    using session = new WatchSession(t.client, as);
    session.sendCreate(create);
    const { created, canceled, cancelReason, watchId } = await session.created();
    assert.deepEqual([created, canceled, cancelReason, watchId], [true, true, reason, NO_WATCH_ID]);
    // The stream goes on.
    session.sendCreate({ key: "b" });
    assert.equal((await session.created()).canceled, true);
  }
  await t.client.kv.put({ key: "a1", value: "1" }, root);
});

serviceTest("Watch: once made it goes on, whatever is revoked", FRESH, async (t) => {
  const { root, a } = await userWith(t.client, GRANTS);
  using session = new WatchSession(t.client, a);
  const watchId = await session.create({ key: "a", rangeEnd: "b" });
  await t.client.kv.put({ key: "a1", value: "1" }, root);
  assert.equal((await session.events(watchId, 1))[0]?.key, "a1");
  await t.client.auth.roleDelete({ role: "a" }, root);
  session.sendCreate({ key: "a" });
  assert.equal((await session.created()).cancelReason, DENIED_TEXT);
  await t.client.kv.put({ key: "a2", value: "2" }, root);
  assert.equal((await session.events(watchId, 1))[0]?.key, "a2");
});

serviceTest("Auth: maintenance is root's", FRESH, async (t) => {
  const { root, a } = await userWith(t.client, GRANTS);
  const { maintenance } = t.client;
  const { leader } = await maintenance.status({}, root);
  const calls = [
    (as?: CallExtras) => maintenance.defragment({}, as),
    (as?: CallExtras) => maintenance.hash({}, as),
    (as?: CallExtras) => maintenance.hashKV({}, as),
    (as?: CallExtras) => maintenance.moveLeader({ targetID: leader }, as),
    (as?: CallExtras) =>
      maintenance.downgrade({ action: DowngradeAction.VALIDATE, version: "3.6.0" }, as),
    (as?: CallExtras) =>
      maintenance.alarm({ action: Action.DEACTIVATE, alarm: AlarmType.NONE }, as),
    (as?: CallExtras) => maintenance.alarm({ action: Action.ACTIVATE, alarm: AlarmType.NONE }, as),
  ];
  for (const call of calls) {
    await assertFails(call(), USER_EMPTY);
    await assertFails(call(a), DENIED);
    await assertFails(call({ metadata: { token: "bad" } }), BAD_TOKEN);
    await call(root);
  }
});

serviceTest("Auth: status, alarms and members are any user's to see", FRESH, async (t) => {
  const { a } = await userWith(t.client, GRANTS);
  const { maintenance, cluster } = t.client;
  const calls = [
    (as?: CallExtras) => maintenance.status({}, as),
    (as?: CallExtras) => maintenance.alarm({}, as),
    (as?: CallExtras) => cluster.memberList({}, as),
    (as?: CallExtras) => cluster.memberList({ linearizable: true }, as),
  ];
  for (const call of calls) {
    await assertFails(call(), USER_EMPTY);
    await assertFails(call({ metadata: { token: "bad" } }), BAD_TOKEN);
    await call(a);
  }
});

serviceTest("Auth: members are root's to change", FRESH, async (t) => {
  const { a } = await userWith(t.client, GRANTS);
  const { cluster } = t.client;
  const peerURLs = ["http://127.0.0.1:1"];
  const calls = [
    (as?: CallExtras) => cluster.memberAdd({ peerURLs }, as),
    (as?: CallExtras) => cluster.memberRemove({ ID: 1 }, as),
    (as?: CallExtras) => cluster.memberUpdate({ ID: 1, peerURLs }, as),
    (as?: CallExtras) => cluster.memberPromote({ ID: 1 }, as),
  ];
  for (const call of calls) {
    await assertFails(call(), USER_EMPTY);
    await assertFails(call(a), DENIED);
  }
});

serviceTest(
  "Auth: a token ends when it lay idle, not while it is used",
  { fresh: true, flags: [CHEAP, `--auth-token-ttl=${TOKEN_TTL_MS / 1_000}`] },
  async (t) => {
    const { root, a } = await userWith(t.client, GRANTS);
    const endMs = performance.now() + 2 * TOKEN_TTL_MS + LOOK_MS;
    while (performance.now() < endMs) {
      await t.client.kv.range({ key: "a" }, root);
      await pause(TOKEN_TTL_MS / 10);
    }
    await assertFails(t.client.kv.range({ key: "a" }, a), BAD_TOKEN);
    await t.client.kv.put({ key: "a" }, root);
  },
);

serviceTest("Auth: with READWRITE on all keys one is no root", FRESH, async (t) => {
  const root = await enableAuth(t.client);
  await addUser(t.client, {
    name: "all",
    grants: [{ type: READWRITE, key: "\0", rangeEnd: "\0" }],
    as: root,
  });
  const all = await signIn(t.client, "all", "all");
  await t.client.kv.put({ key: "k", prevKv: true }, all);
  await assertFails(t.client.maintenance.defragment({}, all), DENIED);
});
