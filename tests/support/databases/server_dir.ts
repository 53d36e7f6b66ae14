/** Where a database server keeps its data. */

import { statfsSync } from "node:fs";
import { firstExisting, type UserIds } from "./executables.ts";

const MEMORY_DIR = "/dev/shm";
/** A container's is often 64 MiB, which is soon full. */
const MEMORY_FREE_BYTES_MIN = 2 * 1024 ** 3;

export interface ServerDirOptions {
  readonly user: UserIds | undefined;
  /** In memory where there is room: for a server that makes files by the hundreds. */
  readonly inMemory?: boolean;
}

/** Makes a folder of a server's own, in which its user may write. */
export async function makeServerDir(
  name: string,
  { user, inMemory = false }: ServerDirOptions,
): Promise<string> {
  // Short, as a socket's path has at most some hundred bytes.
  const prefix = `rhino-${name}-`;
  const dir = await Deno.makeTempDir(
    inMemory && hasRoomInMemory() ? { prefix, dir: MEMORY_DIR } : { prefix },
  );
  if (user !== undefined) await Deno.chown(dir, user.uid, user.gid);
  return dir;
}

function hasRoomInMemory(): boolean {
  if (firstExisting([MEMORY_DIR]) === undefined) return false;
  const { bavail, bsize } = statfsSync(MEMORY_DIR);
  return bavail * bsize >= MEMORY_FREE_BYTES_MIN;
}
