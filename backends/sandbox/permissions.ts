/** What a Worker may do: the store's rights, and nothing else. */

import type { Rights } from "../contract.ts";

/** Deno's permissions of a Worker; a list that would be empty is `false`, which allows nothing. */
export interface SandboxPermissions {
  readonly net: string[] | false;
  readonly read: string[] | false;
  readonly write: string[] | false;
  readonly env: string[] | false;
  readonly sys: false;
  readonly run: false;
  readonly ffi: false;
  readonly import: false;
}

export function permissionsOf({ net, read, write, env }: Rights): SandboxPermissions {
  return {
    net: listOrNone(net),
    read: listOrNone(read),
    write: listOrNone(write),
    env: listOrNone(env),
    sys: false,
    run: false,
    ffi: false,
    import: false,
  };
}

function listOrNone(list: readonly string[]): string[] | false {
  return list.length === 0 ? false : [...list];
}
