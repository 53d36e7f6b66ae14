/** What this process can see of the machine that it runs on. */

import { basename, dirname, join, resolve } from "node:path";
import type { Surroundings } from "./contract.ts";

export const THIS_MACHINE: Surroundings = {
  env(name) {
    try {
      return Deno.env.get(name);
    } catch {
      // What it may not know, it cannot use either.
      return undefined;
    }
  },
  realPath: (path) => realPath(resolve(path)),
};

/** Of what does not exist, the part that does is resolved. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
