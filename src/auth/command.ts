/** What changes users and roles, as commands to the writer. */
import type { Permit } from "../mvcc/permit.ts";
import type { Command } from "../mvcc/read_set.ts";
import type { BatchView } from "../mvcc/view.ts";
import type { AuthState } from "./state.ts";
import type { Tokens } from "./tokens.ts";

/** What an answer carries besides. */
export interface AtRevision {
  /** The store's. */
  readonly revision: number;
}

/** What commands work on: as the last commit left it, for each of them ends its group. */
export interface AuthParts {
  readonly state: AuthState;
  readonly tokens: Tokens;
}

const COMMAND_BYTES = 256;

/** A question or change that only root may ask for. */
export function adminCommand<T extends object | void>(
  permit: Permit,
  apply: (view: BatchView) => T,
): Command<AtRevision & T> {
  return authCommand((view) => {
    if (permit.isNeeded) permit.checkAdmin();
    return apply(view);
  });
}

export function authCommand<T extends object | void>(
  apply: (view: BatchView) => T,
): Command<AtRevision & T> {
  return {
    bytes: COMMAND_BYTES,
    reads() {},
    isBarrier: true,
    apply(view) {
      const result = apply(view);
      return { ...result, revision: view.revision };
    },
  };
}
