/** What this process can see of the machine, for its permissions to be computed with. */

import { lookup } from "node:dns/promises";
import { statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { ServerSurroundings } from "./permissions.ts";

export const THIS_PROCESS: ServerSurroundings = {
  env: variable,
  realPath: (path) => realPath(resolve(path)),
  isFolder,
  lookup: addressesOf,
  get temporary() {
    return tmpdir();
  },
};

function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    // What it may not know, it cannot use either.
    return undefined;
  }
}

/** Of what does not exist, the part that does is resolved. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}

async function addressesOf(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
