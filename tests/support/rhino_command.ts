/** How Rhino is started, as `deno task start` does, so that a missing permission shows. */

import { fileURLToPath } from "node:url";
import { copyOfLock } from "../../src/process/lock_copy.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

let lock: string | undefined;

/** The permissions of `deno task start`. */
const START_PERMISSIONS = ["--permission-set=serve", "--no-prompt"] as const;

/**
 * The arguments of Deno that run Rhino with the flags.
 *
 * @param permissions flags of Deno
 */
export function denoArgs(
  flags: readonly string[] = [],
  permissions: readonly string[] = START_PERMISSIONS,
): string[] {
  return [
    "run",
    "--quiet",
    `--config=${ROOT}deno.json`,
    `--lock=${lock ??= copyOfLock()}`,
    ...permissions,
    `${ROOT}src/main.ts`,
    ...flags,
  ];
}
