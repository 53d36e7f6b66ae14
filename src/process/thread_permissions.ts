/** From what a configuration needs to what a thread is given, out of what the process has. */

import type { Permissions } from "../permissions/permissions.ts";

/** Kinds that can be given up. */
const KINDS = ["read", "write", "net", "env", "sys", "run", "ffi", "import"] as const;

/** Whether the process has something that no configuration needs: all of a kind. */
export function hasTooMuch(): boolean {
  return KINDS.some((name) => name !== "import" && isGranted({ name }));
}

export function giveUpPermissions(): void {
  for (const name of KINDS) Deno.permissions.revokeSync({ name });
}

/** A thread that asks for more than the process has cannot be started: what is missing, the server will miss. */
export function threadPermissions(needed: Permissions): Deno.PermissionOptionsObject {
  const { net, read, write, env, sys } = needed;
  return {
    net: net.filter((host) => isGranted({ name: "net", host })),
    read: read.filter((path) => isGranted({ name: "read", path })),
    write: write.filter((path) => isGranted({ name: "write", path })),
    // Without `--ignore-env`, libraries fail at each variable that they may not see.
    env: isGranted({ name: "env" })
      ? "inherit"
      : env.filter((variable) => isGranted({ name: "env", variable })),
    sys: sys.filter((kind) => isGranted({ name: "sys", kind })),
    import: needed.import.length === 0 ? false : "inherit",
    run: false,
    ffi: false,
  };
}

function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}
