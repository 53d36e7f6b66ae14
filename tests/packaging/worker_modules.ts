/** Modules that no import leads to: Workers are started by URL, so whoever packs Rhino has to name them. */

import { dirname, join } from "node:path";
import { allFiles, readText } from "../tidy/source_tree.ts";

/** Paths from the root. */
export function workerModules(): string[] {
  const isShipped = (path: string) =>
    /^(src|backends)\/.*\.ts$/.test(path) && !path.endsWith("_test.ts");
  const found = allFiles().filter(isShipped).flatMap((path) =>
    [...readText(path).matchAll(/new URL\(\s*"(\.[^"]+\.ts)",\s*import\.meta\.url/g)]
      .map(([, url = ""]) => join(dirname(path), url))
  );
  return [...new Set(found)].sort();
}
