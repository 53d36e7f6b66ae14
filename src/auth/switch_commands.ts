/** Turning authentication on and off. */
import { EtcdError } from "../errors.ts";
import type { BatchView } from "../mvcc/view.ts";
import type { AuthParts } from "./command.ts";
import { hasRole, ROOT, writeEnabled } from "./state.ts";

/**
 * Does not count as a change of users and roles: tokens signed before stay good.
 *
 * @throws {EtcdError} `rootUserNotFound`, `rootRoleNotFound`
 */
export function enable(view: BatchView, { state }: AuthParts): void {
  if (state.isEnabled) return;
  const root = state.user(ROOT);
  if (root === undefined) throw new EtcdError("rootUserNotFound");
  if (!hasRole(root, ROOT)) throw new EtcdError("rootRoleNotFound");
  writeEnabled(view, true);
}

export function disable(view: BatchView, { state, tokens }: AuthParts): void {
  if (!state.isEnabled) return;
  writeEnabled(view, false);
  tokens.end(view);
  state.advance(view);
}
