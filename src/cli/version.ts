/** What `--version` prints. */

import { DEFAULT_CONFIG } from "../config.ts";
import project from "../../deno.json" with { type: "json" };

export const RHINO_VERSION: string = project.version;

/** The second line is etcd's own, for scripts that read it. */
export function versionText(): string {
  return `rhino Version: ${RHINO_VERSION}\netcd Version: ${DEFAULT_CONFIG.emulatedEtcdVersion}\n`;
}
