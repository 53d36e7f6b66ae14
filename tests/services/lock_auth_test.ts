// Lock and Election with authentication: nobody can do more through them than by himself.

import assert from "node:assert/strict";
import { Permission_Type as Type } from "../../gen/authpb/auth_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import type { CallExtras } from "../support/grpc_client.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";

const DENIED = [CODE.UNKNOWN, "etcdserver: permission denied"] as const;
const NOBODY = [CODE.UNKNOWN, "etcdserver: user name is empty"] as const;
const BAD_TOKEN = [CODE.UNKNOWN, "etcdserver: invalid auth token"] as const;

/** What may be done below `a/`: all by one user, nothing by the other. */
interface Users {
  readonly member: CallExtras;
  readonly stranger: CallExtras;
}

async function enableAuth({ auth }: EtcdClient): Promise<Users> {
  for (const name of ["root", "member", "stranger"]) {
    await auth.userAdd({ name, password: name });
  }
  await auth.userGrantRole({ user: "root", role: "root" });
  await auth.roleAdd({ name: "members" });
  const perm = { permType: Type.READWRITE, key: "a/", rangeEnd: "a0" };
  await auth.roleGrantPermission({ name: "members", perm });
  await auth.userGrantRole({ user: "member", role: "members" });
  await auth.authEnable({});
  const as = async (name: string): Promise<CallExtras> => {
    const { token } = await auth.authenticate({ name, password: name });
    return { metadata: { token } };
  };
  return { member: await as("member"), stranger: await as("stranger") };
}

serviceTest(
  "Lock: is the caller's own right, whose failures have no codes",
  { fresh: true },
  async (t) => {
    const { lock } = t.client;
    const { member, stranger } = await enableAuth(t.client);
    const { key } = await lock.lock({ name: "a" }, member);
    await assertFails(lock.lock({ name: "b" }, member), DENIED);
    await assertFails(lock.lock({ name: "a" }, stranger), DENIED);
    await assertFails(lock.lock({ name: "a" }), NOBODY);
    await assertFails(lock.lock({ name: "a" }, { metadata: { token: "none.1" } }), BAD_TOKEN);
    await assertFails(lock.unlock({ key }, stranger), DENIED);
    const second = lock.lock({ name: "a" }, member);
    await lock.unlock({ key }, member);
    await lock.unlock({ key: (await second).key }, member);
  },
);

serviceTest(
  "Election: is the caller's own right, whose failures have no codes",
  { fresh: true },
  async (t) => {
    const { election } = t.client;
    const { member, stranger } = await enableAuth(t.client);
    const { leader } = await election.campaign({ name: "a", value: "1" }, member);
    await assertFails(election.campaign({ name: "a" }, stranger), DENIED);
    await assertFails(election.proclaim({ leader, value: "2" }, stranger), DENIED);
    await assertFails(election.resign({ leader }, stranger), DENIED);
    await assertFails(election.leader({ name: "a" }, stranger), DENIED);
    await assertFails(election.leader({ name: "a" }), NOBODY);
    await election.proclaim({ leader, value: "2" }, member);
    using observer = election.observe({ name: "a" }, member);
    assert.deepEqual((await observer.next()).kv?.value, new TextEncoder().encode("2"));
  },
);

serviceTest(
  "Observe: whoever may not look sees the end of the stream",
  { fresh: true },
  async (t) => {
    const { stranger } = await enableAuth(t.client);
    for (const extras of [stranger, {}, { metadata: { token: "none.1" } }]) {
      using observer = t.client.election.observe({ name: "a" }, extras);
      assert.deepEqual(await observer.rest(), []);
    }
  },
);
