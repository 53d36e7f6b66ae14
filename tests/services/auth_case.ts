// What the tests of authentication begin with: users, roles, and tokens for them.

import { Permission_Type } from "../../gen/authpb/auth_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import type { CallExtras } from "../support/grpc_client.ts";
import { CODE } from "../support/rpc_error.ts";

/** Hashes that take no time; the bound below which bcrypt does not go. */
export const CHEAP = "--bcrypt-cost=4";

/** A server of the test's own: authentication is of the whole server. */
export const FRESH = { fresh: true, flags: [CHEAP] } as const;

export const { READ, WRITE, READWRITE } = Permission_Type;

export const USER_EMPTY = [CODE.INVALID_ARGUMENT, "etcdserver: user name is empty"] as const;
export const DENIED = [CODE.PERMISSION_DENIED, "etcdserver: permission denied"] as const;
export const BAD_TOKEN = [CODE.UNAUTHENTICATED, "etcdserver: invalid auth token"] as const;
export const OLD_REVISION = [
  CODE.INVALID_ARGUMENT,
  "etcdserver: revision of auth store is old",
] as const;
export const AUTH_FAILED = [
  CODE.INVALID_ARGUMENT,
  "etcdserver: authentication failed, invalid user ID or password",
] as const;
export const BAD_MANAGEMENT = [
  CODE.INVALID_ARGUMENT,
  "etcdserver: invalid auth management",
] as const;
export const NO_USER = [CODE.FAILED_PRECONDITION, "etcdserver: user name not found"] as const;
export const NO_ROLE = [CODE.FAILED_PRECONDITION, "etcdserver: role name not found"] as const;

/** Adds root, turns authentication on and answers what root's calls carry. */
export async function enableAuth(client: EtcdClient): Promise<CallExtras> {
  await client.auth.userAdd({ name: "root", password: "pw" });
  await client.auth.userGrantRole({ user: "root", role: "root" });
  await client.auth.authEnable({});
  return await signIn(client, "root", "pw");
}

export async function signIn(
  client: EtcdClient,
  name: string,
  password: string,
): Promise<CallExtras> {
  const { token } = await client.auth.authenticate({ name, password });
  return { metadata: { token } };
}

export interface Grant {
  readonly type: Permission_Type;
  readonly key: string;
  readonly rangeEnd?: string;
}

/** Adds a user `NAME` with the password `NAME` and a role `NAME` that grants this. */
export async function addUser(
  client: EtcdClient,
  { name, grants, as }: {
    readonly name: string;
    readonly grants: readonly Grant[];
    readonly as?: CallExtras;
  },
): Promise<void> {
  await client.auth.userAdd({ name, password: name }, as);
  await client.auth.roleAdd({ name }, as);
  await client.auth.userGrantRole({ user: name, role: name }, as);
  for (const grant of grants) await grantTo(client, { name, grant, as });
}

export async function grantTo(
  client: EtcdClient,
  { name, grant, as }: {
    readonly name: string;
    readonly grant: Grant;
    readonly as?: CallExtras | undefined;
  },
): Promise<void> {
  const { type: permType, key, rangeEnd = "" } = grant;
  await client.auth.roleGrantPermission({ name, perm: { permType, key, rangeEnd } }, as);
}

/** Turns authentication on, with a user `a` that may do this, and root. */
export async function userWith(
  client: EtcdClient,
  grants: readonly Grant[],
): Promise<{ readonly root: CallExtras; readonly a: CallExtras }> {
  const root = await enableAuth(client);
  await addUser(client, { name: "a", grants, as: root });
  return { root, a: await signIn(client, "a", "a") };
}
