/** Folders whose names survive a crash. */

import { dirname } from "node:path";

/** Makes the folder where there is none, with those above it, each of them synced into its parent. */
export function makeFolder(path: string, sync: (parent: string) => void = syncFolder): void {
  const missing: string[] = [];
  // Ends at a folder that exists; the root does.
  for (let folder = path; !exists(folder); folder = dirname(folder)) missing.push(folder);
  if (missing.length === 0) return;
  Deno.mkdirSync(path, { recursive: true });
  // From the top: a folder is found again only if those above it are.
  for (const folder of missing.reverse()) sync(dirname(folder));
}

export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Makes new names in a folder survive a crash. Where folders cannot be synced (Windows), they need not be. */
export function syncFolder(path: string): void {
  if (Deno.build.os === "windows") return;
  using folder = Deno.openSync(path, { read: true });
  folder.syncSync();
}
