/** From a name and a password to a token. */
import type { User } from "../../gen/authpb/auth_pb.ts";
import { EtcdError } from "../errors.ts";
import { AUTHENTICATE_ATTEMPTS_MAX } from "../limits.ts";
import type { Store } from "../mvcc/store.ts";
import type { Authority } from "./authority.ts";
import { type AtRevision, authCommand } from "./command.ts";
import type { Passwords } from "./passwords.ts";
import type { AuthState } from "./state.ts";

export interface AuthenticatorOptions {
  readonly store: Store;
  readonly authority: Authority;
  readonly passwords: Passwords;
}

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/**
 * The password is compared on another thread, so users may have been changed meanwhile: then it is compared again.
 *
 * @throws {EtcdError} `authNotEnabled`, `authFailed`, `noPasswordUser`, `verifyOnly`; `authOldRevision` if users and roles
 * were changed again and again
 */
export async function authenticate(
  { store, authority, passwords }: AuthenticatorOptions,
  { name, password }: Credentials,
): Promise<AtRevision & { readonly token: string }> {
  const { state } = authority;
  await authority.refresh();
  for (let attempt = 1; attempt <= AUTHENTICATE_ATTEMPTS_MAX; attempt++) {
    const { revision: checked } = state;
    const user = userWithPassword(state, name);
    if (!await passwords.matches(password, user.password)) throw new EtcdError("authFailed");
    const letters = authority.tokens.draw();
    const assigned = await store.submit(authCommand((view) => {
      userWithPassword(state, name);
      if (state.revision !== checked) return { token: undefined };
      return { token: assign(authority, view, { user: name, letters }) };
    }));
    const { token } = assigned;
    if (token !== undefined) return { ...assigned, token };
  }
  throw new EtcdError("authOldRevision");
}

function userWithPassword(state: AuthState, name: string): User {
  if (!state.isEnabled) throw new EtcdError("authNotEnabled");
  const user = state.user(name);
  if (user === undefined) throw new EtcdError("authFailed");
  if (user.options?.noPassword === true) throw new EtcdError("noPasswordUser");
  return user;
}

function assign(
  { state, tokens, jwt }: Authority,
  view: Parameters<Authority["tokens"]["assign"]>[0],
  { user, letters }: { readonly user: string; readonly letters: string },
): string {
  if (jwt === undefined) return tokens.assign(view, user, letters);
  if (!jwt.canSign) throw new EtcdError("verifyOnly");
  return jwt.sign({ user, revision: state.revision });
}
