/**
 * A copy of deno.lock to start with: Deno notes in its lock file what a module of somebody else imports from npm, and the
 * checkout's own stays as it is. Prints its path; that of deno.lock itself where no copy can be made, in a checkout that is
 * only for reading.
 */

import { copyFileSync, mkdirSync, renameSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** In one step, for another server may be starting, and reading it. */
export function copyOfLock(): string {
  const copy = `${ROOT}.cache/start.lock`;
  const unfinished = `${copy}.${process.pid}`;
  try {
    mkdirSync(`${ROOT}.cache`, { recursive: true });
    copyFileSync(`${ROOT}deno.lock`, unfinished);
    renameSync(unfinished, copy);
    return copy;
  } catch {
    return `${ROOT}deno.lock`;
  }
}

if (import.meta.main) process.stdout.write(copyOfLock());
