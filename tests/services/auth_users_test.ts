// Auth: users, roles and permissions, and who may change them.

import assert from "node:assert/strict";
import type { EtcdClient } from "../support/etcd_client.ts";
import { revisionOf } from "../support/readable.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import {
  addUser,
  AUTH_FAILED,
  BAD_MANAGEMENT,
  BAD_TOKEN,
  CHEAP,
  DENIED,
  enableAuth,
  FRESH,
  NO_ROLE,
  NO_USER,
  READ,
  READWRITE,
  signIn,
  USER_EMPTY,
  WRITE,
} from "./auth_case.ts";

const NOT_ENABLED = [
  CODE.FAILED_PRECONDITION,
  "etcdserver: authentication is not enabled",
] as const;
const NO_PASSWORD = [
  CODE.UNKNOWN,
  "auth: authentication failed, password was given for no password user",
] as const;

/** Each change of users and roles counts one. */
async function authRevision(client: EtcdClient, metadata?: { token: string }): Promise<bigint> {
  const extras = metadata === undefined ? {} : { metadata };
  return (await client.auth.authStatus({}, extras)).authRevision;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

serviceTest("Auth: a fresh store has it off, at revision 1", FRESH, async (t) => {
  const status = await t.client.auth.authStatus({});
  assert.deepEqual([status.enabled, status.authRevision], [false, 1n]);
  assert.equal(revisionOf(status), 1n);
  await t.client.auth.authDisable({});
  assert.equal(await authRevision(t.client), 1n, "turning off what is off changes nothing");
  await assertFails(t.client.auth.authenticate({ name: "root", password: "pw" }), NOT_ENABLED);
});

serviceTest("Auth: it is enabled only with a root that has the role root", FRESH, async (t) => {
  const { auth } = t.client;
  await assertFails(auth.authEnable({}), [
    CODE.FAILED_PRECONDITION,
    "etcdserver: root user does not exist",
  ]);
  await auth.userAdd({ name: "root", password: "pw" });
  await assertFails(auth.authEnable({}), [
    CODE.FAILED_PRECONDITION,
    "etcdserver: root user does not have root role",
  ]);
  // The role need not be there.
  await auth.userGrantRole({ user: "root", role: "root" });
  assert.equal(await authRevision(t.client), 3n);
  await auth.authEnable({});
  assert.equal(await authRevision(t.client), 3n);
  assert.equal((await auth.authStatus({})).enabled, true);
  await assertFails(auth.authEnable({}), USER_EMPTY);
  await auth.authEnable({}, await signIn(t.client, "root", "pw"));
  assert.equal(await authRevision(t.client), 3n);
});

serviceTest(
  "Auth: turned off again, tokens end, and those still sent are ignored",
  FRESH,
  async (t) => {
    const root = await enableAuth(t.client);
    await assertFails(t.client.auth.authDisable({}), USER_EMPTY);
    await t.client.auth.authDisable({}, root);
    assert.equal(await authRevision(t.client), 4n);
    await t.client.kv.put({ key: "a" }, root);
    await t.client.auth.authEnable({}, { metadata: { token: "who.knows" } });
    await assertFails(t.client.kv.put({ key: "a" }, root), BAD_TOKEN);
  },
);

serviceTest("UserAdd: needs a name that is free", FRESH, async (t) => {
  const { auth } = t.client;
  await assertFails(auth.userAdd({ password: "a" }), USER_EMPTY);
  await auth.userAdd({ name: "a", password: "a" });
  await assertFails(auth.userAdd({ name: "a", password: "b" }), [
    CODE.FAILED_PRECONDITION,
    "etcdserver: user name already exists",
  ]);
  assert.equal(await authRevision(t.client), 2n);
  assert.deepEqual((await auth.userGet({ name: "a" })).roles, []);
  await assertFails(auth.userGet({ name: "b" }), NO_USER);
});

serviceTest("UserAdd: refuses a password that bcrypt would cut", FRESH, async (t) => {
  await t.client.auth.userAdd({ name: "a", password: "p".repeat(72) });
  await assertFails(t.client.auth.userAdd({ name: "b", password: "p".repeat(73) }), [
    CODE.UNKNOWN,
    "bcrypt: password length exceeds 72 bytes",
  ]);
});

serviceTest("UserList, RoleList: by the bytes of the names", FRESH, async (t) => {
  const { auth } = t.client;
  const names = ["b", "B", "a b", "a", "a\0b", "ü", "/", "%_'\"", "z".repeat(200)];
  for (const name of names) {
    await auth.userAdd({ name, options: { noPassword: true } });
    await auth.roleAdd({ name });
  }
  const sorted = ["%_'\"", "/", "B", "a", "a\0b", "a b", "b", "z".repeat(200), "ü"];
  assert.deepEqual((await auth.userList({})).users, sorted);
  assert.deepEqual((await auth.roleList({})).roles, sorted);
  for (const name of names) {
    await auth.userDelete({ name });
    await auth.roleDelete({ role: name });
  }
  assert.deepEqual((await auth.userList({})).users, []);
  assert.deepEqual((await auth.roleList({})).roles, []);
});

serviceTest("UserDelete: ends the user and its tokens", FRESH, async (t) => {
  const root = await enableAuth(t.client);
  await addUser(t.client, { name: "a", grants: [], as: root });
  const a = await signIn(t.client, "a", "a");
  await t.client.auth.userDelete({ name: "a" }, root);
  await assertFails(t.client.kv.range({ key: "a" }, a), BAD_TOKEN);
  await assertFails(t.client.auth.userDelete({ name: "a" }, root), NO_USER);
  await assertFails(t.client.auth.userDelete({ name: "root" }, root), BAD_MANAGEMENT);
});

serviceTest("UserChangePassword: ends the old password and the tokens", FRESH, async (t) => {
  const root = await enableAuth(t.client);
  const { auth } = t.client;
  await auth.userAdd({ name: "a", password: "old" }, root);
  const a = await signIn(t.client, "a", "old");
  await auth.userChangePassword({ name: "a", password: "new" }, root);
  await assertFails(t.client.kv.range({ key: "a" }, a), BAD_TOKEN);
  await assertFails(auth.authenticate({ name: "a", password: "old" }), AUTH_FAILED);
  await signIn(t.client, "a", "new");
  await assertFails(auth.userChangePassword({ name: "b", password: "p" }, root), NO_USER);
});

serviceTest(
  "UserAdd, UserChangePassword: what becomes of a hash that is sent",
  FRESH,
  async (t) => {
    const root = await enableAuth(t.client);
    const { auth } = t.client;
    // bcrypt of "secret".
    const hash = "$2b$04$ZIsFh2OsOPWKqIUVETwslO7bVFVr7fohnr5zYA3EsyiUeoVJjgJpC";
    const hashedPassword = btoa(hash);
    await auth.userAdd({ name: "a", hashedPassword }, root);
    await assertFails(auth.authenticate({ name: "a", password: "secret" }), AUTH_FAILED);
    await signIn(t.client, "a", "");
    await auth.userAdd({ name: "b", password: "b", hashedPassword }, root);
    await signIn(t.client, "b", "b");
    await auth.userChangePassword({ name: "b", hashedPassword }, root);
    await assertFails(auth.authenticate({ name: "b", password: "b" }), AUTH_FAILED);
    await signIn(t.client, "b", "secret");
    await auth.userChangePassword({ name: "b", password: "c", hashedPassword }, root);
    await signIn(t.client, "b", "c");
    await assertFails(
      auth.userChangePassword({ name: "b", hashedPassword: "not base64!" }, root),
      NO_PASSWORD,
    );
    // Neither is one that nothing matches.
    await auth.userChangePassword({ name: "b" }, root);
    await assertFails(auth.authenticate({ name: "b", password: "" }), AUTH_FAILED);
  },
);

serviceTest("Authenticate: an empty password is one, none is none", FRESH, async (t) => {
  const root = await enableAuth(t.client);
  const { auth } = t.client;
  await auth.userAdd({ name: "empty" }, root);
  await auth.userAdd({ name: "none", password: "x", options: { noPassword: true } }, root);
  await signIn(t.client, "empty", "");
  await assertFails(auth.authenticate({ name: "empty", password: "x" }), AUTH_FAILED);
  await assertFails(auth.authenticate({ name: "none", password: "x" }), NO_PASSWORD);
  await assertFails(auth.authenticate({ name: "nobody", password: "x" }), AUTH_FAILED);
  await auth.userChangePassword({ name: "none", password: "x" }, root);
  await assertFails(auth.authenticate({ name: "none", password: "x" }), NO_PASSWORD);
});

serviceTest("Authenticate: answers 16 letters and an index", FRESH, async (t) => {
  await enableAuth(t.client);
  const answer = await t.client.auth.authenticate({ name: "root", password: "pw" });
  assert.match(answer.token, /^[a-zA-Z]{16}\.\d+$/);
  assert.equal(revisionOf(answer), 1n);
});

serviceTest("UserGrantRole, UserRevokeRole: a user's roles, sorted", FRESH, async (t) => {
  const root = await enableAuth(t.client);
  const { auth } = t.client;
  await auth.userAdd({ name: "a", password: "a" }, root);
  await assertFails(auth.userGrantRole({ user: "b", role: "r" }, root), NO_USER);
  await assertFails(auth.userGrantRole({ user: "a", role: "r" }, root), NO_ROLE);
  for (const name of ["r2", "r1"]) {
    await auth.roleAdd({ name }, root);
    await auth.userGrantRole({ user: "a", role: name }, root);
  }
  await auth.userGrantRole({ user: "a", role: "root" }, root);
  const before = await authRevision(t.client);
  await auth.userGrantRole({ user: "a", role: "r1" }, root);
  assert.equal(await authRevision(t.client), before, "what is granted is not granted again");
  assert.deepEqual((await auth.userGet({ name: "a" }, root)).roles, ["r1", "r2", "root"]);
  await auth.userRevokeRole({ name: "a", role: "r1" }, root);
  assert.deepEqual((await auth.userGet({ name: "a" }, root)).roles, ["r2", "root"]);
  await assertFails(auth.userRevokeRole({ name: "a", role: "r1" }, root), [
    CODE.FAILED_PRECONDITION,
    "etcdserver: role is not granted to the user",
  ]);
  await assertFails(auth.userRevokeRole({ name: "b", role: "r1" }, root), NO_USER);
  await assertFails(auth.userRevokeRole({ name: "root", role: "root" }, root), BAD_MANAGEMENT);
  await auth.userRevokeRole({ name: "a", role: "root" }, root);
});

serviceTest("RoleAdd, RoleDelete: a role that goes is taken from its users", FRESH, async (t) => {
  const root = await enableAuth(t.client);
  const { auth } = t.client;
  await assertFails(auth.roleAdd({ name: "" }, root), [
    CODE.INVALID_ARGUMENT,
    "etcdserver: role name is empty",
  ]);
  await addUser(t.client, { name: "a", grants: [{ type: READ, key: "k" }], as: root });
  await assertFails(auth.roleAdd({ name: "a" }, root), [
    CODE.FAILED_PRECONDITION,
    "etcdserver: role name already exists",
  ]);
  const a = await signIn(t.client, "a", "a");
  await t.client.kv.range({ key: "k" }, a);
  await auth.roleDelete({ role: "a" }, root);
  await assertFails(t.client.kv.range({ key: "k" }, a), DENIED);
  assert.deepEqual((await auth.userGet({ name: "a" }, root)).roles, []);
  await assertFails(auth.roleDelete({ role: "a" }, root), NO_ROLE);
  await assertFails(auth.roleDelete({ role: "root" }, root), BAD_MANAGEMENT);
});

serviceTest(
  "RoleGrantPermission: by key, and the same span takes the new type",
  FRESH,
  async (t) => {
    const { auth } = t.client;
    const grant = (permType: number, key: string, rangeEnd: string | Uint8Array = "") =>
      auth.roleGrantPermission({ name: "r", perm: { permType, key, rangeEnd } });
    await assertFails(auth.roleGrantPermission({ name: "r" }), [
      CODE.INVALID_ARGUMENT,
      "etcdserver: permission not given",
    ]);
    await assertFails(grant(READ, ""), BAD_MANAGEMENT);
    await assertFails(grant(READ, "a"), NO_ROLE);
    await auth.roleAdd({ name: "r" });
    await assertFails(grant(READ, "b", "a"), BAD_MANAGEMENT);
    await assertFails(grant(READ, "b", "b"), BAD_MANAGEMENT);
    await grant(WRITE, "b");
    await grant(READ, "a", "c");
    await grant(READ, "c", Uint8Array.of(0));
    await grant(READWRITE, "a", "c");
    const { perm } = await auth.roleGet({ role: "r" });
    assert.deepEqual(
      perm.map((one) => [one.permType, text(one.key), text(one.rangeEnd)]),
      [[READWRITE, "a", "c"], [WRITE, "b", ""], [READ, "c", "\0"]],
    );
    assert.equal(await authRevision(t.client), 6n);
    await grant(READWRITE, "a", "c");
    assert.equal(await authRevision(t.client), 7n, "granted again it counts as a change");
  },
);

serviceTest("RoleRevokePermission: needs exactly the span that was granted", FRESH, async (t) => {
  const { auth } = t.client;
  await assertFails(auth.roleRevokePermission({ role: "r", key: "a" }), NO_ROLE);
  await auth.roleAdd({ name: "r" });
  await auth.roleGrantPermission({ name: "r", perm: { key: "a", rangeEnd: "c" } });
  await assertFails(auth.roleRevokePermission({ role: "r", key: "a" }), [
    CODE.FAILED_PRECONDITION,
    "etcdserver: permission is not granted to the role",
  ]);
  await auth.roleRevokePermission({ role: "r", key: "a", rangeEnd: "c" });
  assert.deepEqual((await auth.roleGet({ role: "r" })).perm, []);
});

serviceTest("RoleGet: the role root grants everything, once it is added", FRESH, async (t) => {
  const { auth } = t.client;
  await assertFails(auth.roleGet({ role: "root" }), NO_ROLE);
  await auth.roleAdd({ name: "root" });
  await auth.roleGrantPermission({ name: "root", perm: { permType: READ, key: "a" } });
  const { perm } = await auth.roleGet({ role: "root" });
  assert.deepEqual(
    perm.map((one) => [one.permType, text(one.key), text(one.rangeEnd)]),
    [[READWRITE, "", "\0"]],
  );
});

serviceTest("UserGet, RoleGet: of oneself and of one's own roles", FRESH, async (t) => {
  const root = await enableAuth(t.client);
  const { auth } = t.client;
  await addUser(t.client, { name: "a", grants: [{ type: READ, key: "k" }], as: root });
  await auth.roleAdd({ name: "other" }, root);
  const a = await signIn(t.client, "a", "a");
  assert.deepEqual((await auth.userGet({ name: "a" }, a)).roles, ["a"]);
  assert.equal((await auth.roleGet({ role: "a" }, a)).perm.length, 1);
  await assertFails(auth.userGet({ name: "root" }, a), DENIED);
  await assertFails(auth.userGet({ name: "nobody" }, a), DENIED);
  await assertFails(auth.roleGet({ role: "other" }, a), DENIED);
  await assertFails(auth.userGet({ name: "a" }), USER_EMPTY);
  await assertFails(auth.userGet({ name: "" }), NO_USER);
  await assertFails(auth.roleGet({ role: "a" }), USER_EMPTY);
});

serviceTest("Auth: only root changes users and roles, or lists them", FRESH, async (t) => {
  const root = await enableAuth(t.client);
  await addUser(t.client, {
    name: "a",
    grants: [{ type: READWRITE, key: "\0", rangeEnd: "\0" }],
    as: root,
  });
  const a = await signIn(t.client, "a", "a");
  const { auth } = t.client;
  const changes = [
    auth.authEnable,
    auth.authDisable,
    auth.userAdd,
    auth.userDelete,
    auth.userList,
    auth.userChangePassword,
    auth.userGrantRole,
    auth.userRevokeRole,
    auth.roleAdd,
    auth.roleDelete,
    auth.roleList,
    auth.roleGrantPermission,
    auth.roleRevokePermission,
  ];
  for (const change of changes) {
    await assertFails(change({}, a), DENIED);
    await assertFails(change({}), USER_EMPTY);
    await assertFails(change({}, { metadata: { token: "bad" } }), BAD_TOKEN);
  }
  await assertFails(auth.authStatus({}, { metadata: { token: "bad" } }), BAD_TOKEN);
});

serviceTest(
  "Auth: users, roles and its being on outlive the server",
  { fresh: true, flags: [CHEAP], skips: { memory: "memory forgets at the end of the process" } },
  async (t) => {
    const root = await enableAuth(t.client);
    await addUser(t.client, { name: "a", grants: [{ type: WRITE, key: "k" }], as: root });
    await t.client.auth.userAdd({ name: "x\0y", password: "x" }, root);
    const before = await authRevision(t.client);
    await t.endpoint.restart();
    assert.equal(await authRevision(t.client), before);
    await assertFails(t.client.kv.put({ key: "k" }), USER_EMPTY);
    const a = await signIn(t.client, "a", "a");
    await t.client.kv.put({ key: "k" }, a);
    await assertFails(t.client.kv.put({ key: "l" }, a), DENIED);
    await signIn(t.client, "x\0y", "x");
  },
);
