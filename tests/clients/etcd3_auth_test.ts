// microsoft/etcd3 with users and roles.

import assert from "node:assert/strict";
import {
  Etcd3,
  EtcdAuthenticationFailedError,
  EtcdPermissionDeniedError,
  type IOptions,
  Range,
} from "etcd3";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";

function connect(t: ServiceTestContext, auth?: IOptions["auth"]): Etcd3 & Disposable {
  const options: IOptions = { hosts: `http://${t.endpoint.address}`, ...(auth && { auth }) };
  const client = new Etcd3(options);
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

serviceTest("etcd3: users may do what their roles permit", { fresh: true }, async (t) => {
  using anybody = connect(t);
  const root = await anybody.user("root").create("secret");
  await root.addRole("root");
  const reader = await anybody.role("reader").create();
  const prefix = Range.prefix("app/");
  await reader.grant({ permission: "Read", range: prefix });
  const user = await anybody.user("alice").create("hers");
  await user.addRole(reader);
  await anybody.put("app/a").value("1");
  await anybody.auth.authEnable();

  using alice = connect(t, { username: "alice", password: "hers" });
  assert.equal(await alice.get("app/a"), "1");
  await assert.rejects(alice.get("other").exec(), EtcdPermissionDeniedError);
  await assert.rejects(alice.put("app/a").value("2").exec(), EtcdPermissionDeniedError);

  using admin = connect(t, { username: "root", password: "secret" });
  const [permission] = await admin.role("reader").permissions();
  assert.equal(permission?.permission, "Read");
  assert.deepEqual((await admin.user("alice").roles()).map(({ name }) => name), ["reader"]);
  await admin.role("reader").grant({ permission: "Readwrite", range: prefix });
  await alice.put("app/a").value("2");
  assert.equal(await admin.get("app/a"), "2");

  await admin.user("alice").setPassword("another");
  using late = connect(t, { username: "alice", password: "hers" });
  await assert.rejects(late.get("app/a").exec(), EtcdAuthenticationFailedError);
  await admin.auth.authDisable();
  assert.equal(await anybody.get("app/a"), "2");
});
