/** Folders whose names survive a crash. */

import { dirname } from "node:path";

/**
 * Makes the folder where there is none, with those above it, each of them synced into its parent. A process that may not
 * touch what lies above the folder makes it too, but leaves it to the file system when its name is on disk: the journals of
 * ext4, XFS and Btrfs have it there as soon as a file within is synced.
 */
export function makeFolder(path: string, sync: (parent: string) => void = syncFolder): void {
  const missing: string[] = [];
  // Ends at a folder that exists; the root does.
  for (let folder = path; !exists(folder); folder = dirname(folder)) missing.push(folder);
  if (missing.length === 0) return;
  Deno.mkdirSync(path, { recursive: true });
  // From the top: a folder is found again only if those above it are.
  for (const folder of missing.reverse()) {
    try {
      sync(dirname(folder));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
    }
  }
}

export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    // What lies above the folder is not for this process to know; to make folders is left to the system.
    if (error instanceof Deno.errors.NotCapable) return true;
    throw error;
  }
}

/** Makes new names in a folder survive a crash. Where folders cannot be synced (Windows), they need not be. */
export function syncFolder(path: string): void {
  if (Deno.build.os === "windows") return;
  using folder = Deno.openSync(path, { read: true });
  folder.syncSync();
}
