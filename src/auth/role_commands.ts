/** Roles: added, changed and deleted by the rules of etcd's auth store, in its order. */
import { create } from "@bufbuild/protobuf";
import {
  type Permission,
  PermissionSchema,
  type Role,
  RoleSchema,
} from "../../gen/authpb/auth_pb.ts";
import { EtcdError } from "../errors.ts";
import { compareKeys, isEmpty, keyRange } from "../mvcc/key_range.ts";
import type { BatchView } from "../mvcc/view.ts";
import type { AuthParts } from "./command.ts";
import { PERMISSION } from "./permissions.ts";
import { type AuthState, hasRole, ROOT, writeRole, writeUser } from "./state.ts";
import { withoutRole } from "./user_commands.ts";

interface Span {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** @throws {EtcdError} `roleEmpty`, `roleExists` */
export function addRole(view: BatchView, { state }: AuthParts, name: string): void {
  if (name === "") throw new EtcdError("roleEmpty");
  if (state.role(name) !== undefined) throw new EtcdError("roleExists");
  writeRole(view, name, create(RoleSchema, { name: new TextEncoder().encode(name) }));
  state.advance(view);
}

/**
 * Takes the role from all users too.
 *
 * @throws {EtcdError} `invalidAuthManagement`, `roleNotFound`
 */
export function deleteRole(view: BatchView, { state }: AuthParts, role: string): void {
  if (state.isEnabled && role === ROOT) throw new EtcdError("invalidAuthManagement");
  roleOf(state, role);
  writeRole(view, role, null);
  for (const [name, user] of state.users) {
    if (hasRole(user, role)) writeUser(view, name, withoutRole(user, role));
  }
  state.advance(view);
}

/**
 * A permission on the same span takes the new one's type.
 *
 * @throws {EtcdError} `permissionNotGiven`, `invalidAuthManagement`, `roleNotFound`
 */
export function grantPermission(
  view: BatchView,
  { state }: AuthParts,
  { name, perm }: { readonly name: string; readonly perm?: Permission | undefined },
): void {
  if (perm === undefined) throw new EtcdError("permissionNotGiven");
  const { permType, key, rangeEnd } = perm;
  if (key.length === 0 || isEmpty(keyRange(key, rangeEnd))) {
    throw new EtcdError("invalidAuthManagement");
  }
  const role = roleOf(state, name);
  const others = role.keyPermission.filter((one) => !isSame(one, perm));
  const granted = create(PermissionSchema, { permType, key, rangeEnd });
  const keyPermission = [...others, granted].sort((a, b) => compareKeys(a.key, b.key));
  writeRole(view, name, { ...role, keyPermission });
  state.advance(view);
}

/** @throws {EtcdError} `roleNotFound`, `permissionNotGranted` */
export function revokePermission(
  view: BatchView,
  { state }: AuthParts,
  { role: name, ...span }: Span & { readonly role: string },
): void {
  const role = roleOf(state, name);
  const keyPermission = role.keyPermission.filter((one) => !isSame(one, span));
  if (keyPermission.length === role.keyPermission.length) {
    throw new EtcdError("permissionNotGranted");
  }
  writeRole(view, name, { ...role, keyPermission });
  state.advance(view);
}

/**
 * What a role grants, as it is told: root's everything, whatever was granted to it.
 *
 * @throws {EtcdError} `roleNotFound`
 */
export function permissionsOfRole(state: AuthState, name: string): Permission[] {
  const role = roleOf(state, name);
  if (name !== ROOT) return role.keyPermission;
  const all = { permType: PERMISSION.READWRITE, key: new Uint8Array(), rangeEnd: Uint8Array.of(0) };
  return [create(PermissionSchema, all)];
}

function roleOf(state: AuthState, name: string): Role {
  const role = state.role(name);
  if (role === undefined) throw new EtcdError("roleNotFound");
  return role;
}

function isSame(a: Span, b: Span): boolean {
  return compareKeys(a.key, b.key) === 0 && compareKeys(a.rangeEnd, b.rangeEnd) === 0;
}
