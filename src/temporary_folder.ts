/** Where a server may put files that do not outlive it. */

import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addressOf, isUnix } from "./client_urls.ts";
import type { Config } from "./config.ts";

/** A path of a Unix socket may be long; its end tells it from others. */
const PLACE_LENGTH_MAX = 40;

type Listening = Pick<Config, "listenClientUrls">;

/**
 * The system's folder for such files, or one within it, if this process may not write everywhere in there. Its name is the same
 * at each start, so that the right to it can be given beforehand.
 */
export function temporaryFolder(config: Listening): string {
  const root = tmpdir();
  const { state } = Deno.permissions.querySync({ name: "write", path: root });
  if (state === "granted") return root;
  const folder = ownTemporaryFolder(root, config);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch {
    // Whoever wants a file in it is about to find that too, and says so.
  }
  return folder;
}

/** One server's own: no two listen at the same place. */
export function ownTemporaryFolder(root: string, { listenClientUrls: [url] }: Listening): string {
  const place = url === undefined ? "" : isUnix(url) ? url.host : addressOf(url);
  return join(root, `rhino-${place.replaceAll(/[^\w.]+/g, "-").slice(-PLACE_LENGTH_MAX)}`);
}

/** The socket that it tells systemd from. */
export function notifySocketIn(folder: string): string {
  return join(folder, "notify.sock");
}
