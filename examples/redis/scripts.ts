/** The scripts by name, each with the digest by which Redis knows it once it has seen it, and the keys of a store. */

import { createHash } from "node:crypto";
import { KEY_NAMES } from "./lua/prelude.ts";
import * as reads from "./lua/reads.ts";
import * as writes from "./lua/writes.ts";

const { ROW_OVERHEAD_BYTES: _, ...changing } = writes;
const TEXTS = { ...reads, ...changing };

export type ScriptName = keyof typeof TEXTS;

export interface Script {
  readonly name: ScriptName;
  readonly text: string;
  readonly digest: string;
}

export const SCRIPTS = Object.fromEntries(
  Object.entries(TEXTS).map(([name, text]) => {
    const digest = createHash("sha1").update(text).digest("hex");
    return [name, { name, text, digest }];
  }),
) as Readonly<Record<ScriptName, Script>>; // The entries are TEXTS's own.

/** All keys of a store, in the order that scripts expect. The braces keep them on one node of a cluster. */
export function storeKeys(prefix: string): string[] {
  return KEY_NAMES.map((name) => `{${prefix}}:${name.toLowerCase()}`);
}

export function probeKey(prefix: string): string {
  return `{${prefix}}:probe`;
}

/** Channels are of the whole server, databases are not. */
export function channelOf(prefix: string, database: number): string {
  return `{${prefix}}:changes:${database}`;
}
