/** What it takes to load code at run time. */

import { fileURLToPath } from "node:url";
import { schemeOf } from "../../backends/registry.ts";
import type { Config } from "../config.ts";
import type { Part } from "./permissions.ts";

/** Of the module of somebody else that serves the endpoint, which is fetched for its digest, and imported. Nothing is needed for one
 * of npm's, which Deno fetches itself. */
export function sourceRights({ endpoint, backends }: Config): Part {
  const scheme = schemeOf(endpoint);
  const url = backends.find((source) => source.scheme === scheme)?.url ?? "";
  if (url === "" || url.startsWith("npm:")) return {};
  if (!URL.canParse(url)) return { read: [url] };
  const parsed = new URL(url);
  if (parsed.protocol === "file:") return { read: [fileURLToPath(parsed)] };
  return { net: [hostOf(parsed)], import: [hostOf(parsed)] };
}

/** Of a thread. */
export function codeRights(url: URL): Part {
  if (url.protocol === "file:") return { read: [fileURLToPath(url)] };
  return { import: [hostOf(url)] };
}

/** With its port, which Deno wants. */
export function hostOf({ protocol, hostname, port }: URL): string {
  return `${hostname}:${port || (protocol === "http:" ? 80 : 443)}`;
}
