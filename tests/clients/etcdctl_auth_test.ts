// etcdctl's users, roles and passwords.

import assert from "node:assert/strict";
import { CHEAP } from "../services/auth_case.ts";
import { testEtcdctl } from "./etcdctl_target.ts";

const FRESH = { fresh: true, flags: [CHEAP] } as const;
const ROOT = "--user=root:pw";
const USER = "--user=u:secret";

testEtcdctl("auth: enable, status, disable", FRESH, async ({ ctl }) => {
  assert.match(
    await ctl.ok(["auth", "status"]),
    /^Authentication Status: false\nAuthRevision: 1$/m,
  );
  assert.match(await ctl.fails(["auth", "enable", ROOT]), /root user does not exist/);
  assert.equal(await ctl.ok(["user", "add", "root:pw"]), "User root created\n");
  assert.equal(
    await ctl.ok(["user", "grant-role", "root", "root"]),
    "Role root is granted to user root\n",
  );
  assert.equal(await ctl.ok(["auth", "enable"]), "Authentication Enabled\n");
  assert.match(await ctl.fails(["put", "k", "1"]), /user name is empty/);
  assert.match(await ctl.fails(["--user=root:no", "put", "k", "1"]), /authentication failed/);
  assert.equal(await ctl.ok([ROOT, "put", "k", "1"]), "OK\n");
  assert.match(await ctl.ok([ROOT, "auth", "status"]), /^Authentication Status: true$/m);
  assert.match(await ctl.ok([ROOT, "endpoint", "status"]), /3\.7\./);
  assert.equal(await ctl.ok([ROOT, "auth", "disable"]), "Authentication Disabled\n");
  assert.equal(await ctl.ok(["get", "k", "--print-value-only"]), "1\n");
});

testEtcdctl("user, role: what a user may do", FRESH, async ({ ctl }) => {
  await ctl.ok(["user", "add", "root:pw"]);
  await ctl.ok(["user", "grant-role", "root", "root"]);
  await ctl.ok(["auth", "enable"]);
  assert.equal(await ctl.ok([ROOT, "role", "add", "r"]), "Role r created\n");
  assert.equal(
    await ctl.ok([ROOT, "role", "grant-permission", "r", "readwrite", "app/", "--prefix"]),
    "Role r updated\n",
  );
  await ctl.ok([ROOT, "role", "grant-permission", "r", "read", "z", "--from-key"]);
  assert.equal(await ctl.ok([ROOT, "user", "add", "u:secret"]), "User u created\n");
  await ctl.ok([ROOT, "user", "grant-role", "u", "r"]);
  assert.equal(await ctl.ok([ROOT, "user", "list"]), "root\nu\n");
  assert.equal(await ctl.ok([ROOT, "role", "list"]), "r\n");
  const role = await ctl.ok([USER, "role", "get", "r"]);
  assert.match(role, /\[app\/, app0\) \(prefix app\/\)/);
  assert.match(role, /\[z, <open ended>/);
  assert.match(await ctl.ok([USER, "user", "get", "u"]), /^User: u\nRoles: r$/m);

  await ctl.ok([USER, "put", "app/a", "1"]);
  assert.equal(await ctl.ok([USER, "get", "app/", "--prefix", "--keys-only"]), "app/a\n\n");
  assert.equal(await ctl.ok([USER, "del", "app/", "--prefix"]), "1\n");
  await ctl.ok([USER, "get", "z", "--from-key"]);
  assert.match(await ctl.fails([USER, "put", "z", "1"]), /permission denied/);
  assert.match(await ctl.fails([USER, "get", "", "--prefix"]), /permission denied/);
  assert.match(await ctl.fails([USER, "user", "list"]), /permission denied/);
  assert.match(await ctl.fails([USER, "defrag"]), /permission denied/);

  await ctl.ok([ROOT, "role", "revoke-permission", "r", "app/", "--prefix"]);
  assert.match(await ctl.fails([USER, "get", "app/a"]), /permission denied/);
  await ctl.ok([ROOT, "user", "revoke-role", "u", "r"]);
  await ctl.ok([ROOT, "user", "passwd", "u", "--interactive=false"], { stdin: "other\n" });
  assert.match(await ctl.fails([USER, "get", "z"]), /authentication failed/);
  await ctl.ok([ROOT, "role", "delete", "r"]);
  await ctl.ok([ROOT, "user", "delete", "u"]);
  assert.equal(await ctl.ok([ROOT, "user", "list"]), "root\n");
});

testEtcdctl("watch, lease, txn: with a user", FRESH, async ({ ctl }) => {
  await ctl.ok(["user", "add", "root:pw"]);
  await ctl.ok(["user", "grant-role", "root", "root"]);
  await ctl.ok(["role", "add", "r"]);
  await ctl.ok(["role", "grant-permission", "r", "readwrite", "k"]);
  await ctl.ok(["user", "add", "u:secret"]);
  await ctl.ok(["user", "grant-role", "u", "r"]);
  await ctl.ok(["auth", "enable"]);
  await using watch = ctl.spawn([USER, "watch", "k", "--rev=2"]);
  await ctl.ok([USER, "put", "k", "1"]);
  assert.deepEqual([await watch.line(), await watch.line(), await watch.line()], ["PUT", "k", "1"]);
  assert.match(await ctl.fails([USER, "watch", "l"]), /permission denied/);
  const [, id = ""] = /lease (\w+) granted/.exec(await ctl.ok([USER, "lease", "grant", "60"])) ??
    [];
  await ctl.ok([USER, "put", "k", "2", `--lease=${id}`]);
  await ctl.ok([USER, "lease", "keep-alive", "--once", id]);
  await ctl.ok([USER, "lease", "revoke", id]);
  assert.match(
    await ctl.ok([USER, "txn"], { stdin: 'ver("k") = "0"\n\nput k 3\n\nget k\n\n' }),
    /^SUCCESS/,
  );
});
