/** Users: added, changed and deleted by the rules of etcd's auth store, in its order. */
import { create } from "@bufbuild/protobuf";
import { type User, type UserAddOptions, UserSchema } from "../../gen/authpb/auth_pb.ts";
import { EtcdError } from "../errors.ts";
import type { BatchView } from "../mvcc/view.ts";
import type { AuthParts } from "./command.ts";
import { type AuthState, hasRole, inByteOrder, ROOT, writeUser } from "./state.ts";

export interface NewUser {
  readonly name: string;
  /** What bcrypt made of it; empty for a password that nothing matches. */
  readonly password: Uint8Array;
  readonly options: UserAddOptions | undefined;
}

/** @throws {EtcdError} `userEmpty`, `userExists` */
export function addUser(view: BatchView, { state }: AuthParts, user: NewUser): void {
  const { name, options = { noPassword: false } } = user;
  if (name === "") throw new EtcdError("userEmpty");
  if (state.user(name) !== undefined) throw new EtcdError("userExists");
  const password = options.noPassword ? new Uint8Array() : user.password;
  const { noPassword } = options;
  const bytes = new TextEncoder().encode(name);
  writeUser(view, name, create(UserSchema, { name: bytes, password, options: { noPassword } }));
  state.advance(view);
}

/** @throws {EtcdError} `invalidAuthManagement`, `userNotFound` */
export function deleteUser(view: BatchView, { state, tokens }: AuthParts, name: string): void {
  if (state.isEnabled && name === ROOT) throw new EtcdError("invalidAuthManagement");
  userOf(state, name);
  writeUser(view, name, null);
  tokens.end(view, name);
  state.advance(view);
}

/**
 * Whoever has no password gets none.
 *
 * @param password as in `NewUser`; undefined for what is no hash
 * @throws {EtcdError} `userNotFound`, `noPasswordUser` as etcd for what is no hash
 */
export function changePassword(
  view: BatchView,
  { state, tokens }: AuthParts,
  { name, password }: { readonly name: string; readonly password: Uint8Array | undefined },
): void {
  const user = userOf(state, name);
  const kept = user.options?.noPassword === true ? new Uint8Array() : password;
  if (kept === undefined) throw new EtcdError("noPasswordUser");
  writeUser(view, name, { ...user, password: kept });
  tokens.end(view, name);
  state.advance(view);
}

/**
 * Root's role may be granted without having been added. What is granted already changes nothing.
 *
 * @throws {EtcdError} `userNotFound`, `roleNotFound`
 */
export function grantRole(
  view: BatchView,
  { state }: AuthParts,
  { user: name, role }: { readonly user: string; readonly role: string },
): void {
  const user = userOf(state, name);
  if (role !== ROOT && state.role(role) === undefined) throw new EtcdError("roleNotFound");
  if (hasRole(user, role)) return;
  writeUser(view, name, { ...user, roles: inByteOrder([...user.roles, role]) });
  state.advance(view);
}

/** @throws {EtcdError} `invalidAuthManagement`, `userNotFound`, `roleNotGranted` */
export function revokeRole(
  view: BatchView,
  { state }: AuthParts,
  { name, role }: { readonly name: string; readonly role: string },
): void {
  if (state.isEnabled && name === ROOT && role === ROOT) {
    throw new EtcdError("invalidAuthManagement");
  }
  const user = userOf(state, name);
  if (!hasRole(user, role)) throw new EtcdError("roleNotGranted");
  writeUser(view, name, withoutRole(user, role));
  state.advance(view);
}

export function withoutRole(user: User, role: string): User {
  return { ...user, roles: user.roles.filter((held) => held !== role) };
}

/** @throws {EtcdError} `userNotFound` */
export function userOf(state: AuthState, name: string): User {
  const user = state.user(name);
  if (user === undefined) throw new EtcdError("userNotFound");
  return user;
}
