/**
 * One server per file. The lock is the operating system's, on a file of its own beside the database, so it dies with the
 * process that holds it; the file stays, for removing it would let two servers lock two files of the same name.
 */

import { BackendError } from "../contract.ts";

export interface ServerLock {
  /** The lock file, open; also a place to try the disk with. */
  readonly file: Deno.FsFile;
  release(): void;
}

/** Takes the lock or fails at once: a server that waits would look like one that hangs. */
export function lockForServer(path: string): ServerLock {
  const lockPath = `${path}-lock`;
  const file = Deno.openSync(lockPath, { read: true, write: true, create: true });
  if (!file.tryLockSync(true)) {
    file.close();
    throw new BackendError(
      "unusable",
      `Cannot open "${path}": it is in use by another Rhino server${describeHolder(lockPath)}`,
    );
  }
  file.truncateSync(0);
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return {
    file,
    release() {
      // Closing alone leaves it to a program that is just being started, which has a copy of all that is open here.
      file.unlockSync();
      file.close();
    },
  };
}

/** Who wrote the lock file; where it cannot be read while locked (Windows), nothing. */
function describeHolder(lockPath: string): string {
  try {
    const pid = /^\d+/.exec(Deno.readTextFileSync(lockPath))?.[0];
    return pid === undefined ? "" : ` (pid ${pid})`;
  } catch {
    return "";
  }
}
