/** What `--version` prints. */

import { DEFAULT_CONFIG } from "../config.ts";
import project from "../../deno.json" with { type: "json" };

export const RHINO_VERSION: string = project.version;

/** Go's names of machines. */
const GO_ARCH: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

/** etcd's four lines first, for scripts that read them by their beginnings. */
export function versionText(): string {
  const { arch, os } = Deno.build;
  return [
    `etcd Version: ${DEFAULT_CONFIG.emulatedEtcdVersion}`,
    `Git SHA: rhino-${RHINO_VERSION}`,
    `Go Version: none, deno${Deno.version.deno}`,
    `Go OS/Arch: ${os}/${GO_ARCH[arch] ?? arch}`,
    `rhino Version: ${RHINO_VERSION}`,
    "",
  ].join("\n");
}
