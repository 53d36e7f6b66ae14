/** What this process can see of the machine, for its permissions to be computed with. */

import { lookup } from "node:dns/promises";
import { statSync } from "node:fs";
import { tmpdir } from "node:os";
import { THIS_MACHINE } from "../../backends/this_machine.ts";
import type { ServerSurroundings } from "./permissions.ts";

export const THIS_PROCESS: ServerSurroundings = {
  ...THIS_MACHINE,
  isFolder,
  lookup: addressesOf,
  get temporary() {
    return tmpdir();
  },
};

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
