/** What a store in a file asks of the machine: the file's folder, for there are more files beside it. */

import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Rights, Surroundings } from "../contract.ts";
import { parseLocation } from "./location.ts";

/** Code of a thread; Deno reads it as a file. */
const THREAD = new URL("./checkpoint_worker.ts", import.meta.url);

/** @throws {BackendError} `unusable` if the endpoint names no file */
export function rights(endpoint: string, { realPath }: Surroundings): Rights {
  const { path } = parseLocation(endpoint);
  const folder = dirname(path);
  const realFolder = dirname(realPath(path));
  const isReal = realFolder === resolve(folder);
  const code = THREAD.protocol === "file:" ? [fileURLToPath(THREAD)] : [];
  return {
    net: [],
    read: isReal ? [folder, ...code] : [folder, realFolder, ...code],
    // Links are followed first; what is opened goes by its real name.
    write: [isReal ? folder : realFolder],
    env: [],
  };
}
