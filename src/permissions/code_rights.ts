/** What it takes to load code at run time. */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { schemeOf } from "../../backends/registry.ts";
import type { Config } from "../config.ts";
import type { Part } from "./permissions.ts";

/** Rhino's own code for backends, which a sandbox reads. */
const BACKENDS = new URL("../../backends/", import.meta.url);

/**
 * Of a store in a sandbox: the sandbox's code, and where a module of somebody else lies, with those that it imports. It is
 * read or fetched as bytes, for its digest; nothing is needed for one of npm's, which Deno fetches itself.
 */
export function sandboxRights({ endpoint, backends, sandbox }: Config): Part[] {
  const scheme = schemeOf(endpoint);
  const url = backends.find((source) => source.scheme === scheme)?.url;
  if (url === undefined) return sandbox ? [codeRights(BACKENDS)] : [];
  return [codeRights(BACKENDS), moduleRights(url)];
}

function moduleRights(url: string): Part {
  if (url.startsWith("npm:")) return {};
  if (!URL.canParse(url)) return { read: [dirname(url)] };
  const parsed = new URL(url);
  if (parsed.protocol === "file:") return { read: [dirname(fileURLToPath(parsed))] };
  return { net: [hostOf(parsed)] };
}

/** Of a thread. */
export function codeRights(url: URL): Part {
  if (url.protocol === "file:") return { read: [fileURLToPath(url)] };
  return { import: [hostOf(url)] };
}

/** With its port, which Deno wants. */
function hostOf({ protocol, hostname, port }: URL): string {
  return `${hostname}:${port || (protocol === "http:" ? 80 : 443)}`;
}
