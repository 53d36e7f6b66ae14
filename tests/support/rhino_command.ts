/** How Rhino is started, as `deno task start` does, so that a missing permission shows. */

import { copyFileSync, mkdirSync, renameSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

let copiedLock: string | undefined;

/** A copy: what a module of somebody else imports is noted in it, and the one of the repository stays as it is. */
function lockFile(): string {
  if (copiedLock === undefined) {
    const path = `${ROOT}.cache/start.lock`;
    mkdirSync(`${ROOT}.cache`, { recursive: true });
    const own = `${path}.${process.pid}`;
    copyFileSync(`${ROOT}deno.lock`, own);
    renameSync(own, path);
    copiedLock = path;
  }
  return copiedLock;
}

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
    `--lock=${lockFile()}`,
    ...permissions,
    `${ROOT}src/main.ts`,
    ...flags,
  ];
}
