/** How Rhino is started, as `deno task start` does, so that a missing permission shows. */

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The arguments of Deno that run Rhino with the flags. */
export function denoArgs(flags: readonly string[] = []): string[] {
  return [
    "run",
    "--quiet",
    `--config=${ROOT}deno.json`,
    "--permission-set=serve",
    "--no-prompt",
    `${ROOT}src/main.ts`,
    ...flags,
  ];
}
