/** From what an operator names to what a Worker imports: fetched, checked, and not yet run. */

import { BackendError } from "../contract.ts";
import { messageOf } from "../message_of.ts";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Fetched, fetchModule } from "./fetching.ts";
import { importsOf, isExactNpm } from "./imports.ts";
import { checkIntegrity, parseIntegrity } from "./integrity.ts";
import { ModuleGraph, notCode } from "./module_graph.ts";

/** A module that is named by its URL or path. */
export interface ModuleSource {
  readonly scheme: string;
  readonly url: string;
  /** `sha256-…`; empty if any bytes will do. */
  readonly integrity: string;
}

/** A module that can be imported, until it is disposed of. */
export interface LoadedModule extends Disposable {
  readonly specifier: string;
  /** Where it came from, without anything secret. */
  readonly origin: string;
}

/**
 * Fetches a module, and all its files if it has several. One with a hash is a single file of exactly these bytes, which
 * imports packages of npm at exact versions and Node's modules alone, so that the hash is of all that runs.
 *
 * @throws {BackendError} `unusable`, with one line
 */
export async function loadForeignModule(source: ModuleSource): Promise<LoadedModule> {
  const origin = originOf(source.url);
  try {
    return { origin, ...await load(source) };
  } catch (error) {
    const reason = messageOf(error);
    throw new BackendError(
      "unusable",
      `Cannot load the backend ${source.scheme} from ${origin}: ${reason}`,
    );
  }
}

async function load({ url, integrity }: ModuleSource): Promise<Omit<LoadedModule, "origin">> {
  if (url.startsWith("npm:")) return loadPackage(url, integrity);
  if (integrity !== "") parseIntegrity(integrity);
  const fetched = await fetchModule(urlOf(url));
  const graph = new ModuleGraph();
  try {
    const specifier = integrity === ""
      ? await graph.add(fetched)
      : await checkedBlob(fetched, { integrity, graph });
    return { specifier, [Symbol.dispose]: () => graph[Symbol.dispose]() };
  } catch (error) {
    graph[Symbol.dispose]();
    throw error;
  }
}

function loadPackage(specifier: string, integrity: string): Omit<LoadedModule, "origin"> {
  if (integrity !== "") {
    throw new Error(
      "a package of npm cannot be checked by a hash of ours; name its exact version, of which npm has one",
    );
  }
  return { specifier, [Symbol.dispose]() {} };
}

async function checkedBlob(
  fetched: Fetched,
  { integrity, graph }: { readonly integrity: string; readonly graph: ModuleGraph },
): Promise<string> {
  checkIntegrity(fetched.bytes, integrity);
  const text = new TextDecoder().decode(fetched.bytes);
  const imports = await importsOf(text).catch((error) => {
    throw notCode(error);
  });
  for (const { specifier } of imports) {
    if (specifier.startsWith("node:") || isExactNpm(specifier)) continue;
    throw new Error(
      `it imports "${specifier}", which its hash does not cover: a module with a hash is one file and imports ` +
        "only npm:name@x.y.z and node:",
    );
  }
  return graph.blobOf(fetched.bytes, fetched);
}

function urlOf(text: string): URL {
  // A letter and a colon is a drive of Windows.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return pathToFileURL(resolve(text));
  const url = URL.parse(text);
  if (url !== null && ["https", "http", "file"].includes(scheme)) return url;
  throw new Error("expected a URL of https:, http:, file: or npm:, or a path");
}

/** The text of a URL without a user's password and without parameters, which may hold a key. */
function originOf(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return text;
  return `${url.origin}${url.pathname}`;
}
