/** Modules that no import leads to: Workers are started by URL, so whoever packs Rhino has to name them. */

import { dirname, join } from "node:path";
import { allFiles, readModule } from "../tidy/source_tree.ts";

/** How the Dockerfile, packaging/compile.ts and the guide know them. */
const WORKER_PATH = /^(src|backends)\/[^/]+\/[^/]*worker\.ts$/;

/**
 * Paths from the root.
 *
 * @throws {Error} if one has a name by which it is not found
 */
export function workerModules(): string[] {
  const isShipped = (path: string) =>
    /^(src|backends)\/.*\.ts$/.test(path) && !path.endsWith("_test.ts");
  const modules = allFiles().filter(isShipped).map(readModule);
  const imported = new Set(
    modules.flatMap(({ path, text, imports }) => [
      ...imports.filter((one) => !one.isTypeOnly && !one.isDynamic).map((one) => one.path),
      ...pathsIn(text, { from: path, pattern: /import\("(\.[^"]+\.ts)"\)/g }),
    ]),
  );
  const pattern = /new URL\(\s*"(\.[^"]+\.ts)",\s*import\.meta\.url/g;
  const named = modules.flatMap(({ path, text }) => pathsIn(text, { from: path, pattern }));
  const workers = [...new Set(named)].filter((path) => !imported.has(path)).sort();
  const [lost] = workers.filter((path) => !WORKER_PATH.test(path));
  if (lost !== undefined) {
    throw new Error(`${lost} has to be named like src/FOLDER/NAME_worker.ts to be packed`);
  }
  return workers;
}

function pathsIn(
  text: string,
  { from, pattern }: { readonly from: string; readonly pattern: RegExp },
): string[] {
  return [...text.matchAll(pattern)].map(([, url = ""]) => join(dirname(from), url));
}
