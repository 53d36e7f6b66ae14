/**
 * A module of several files as one that needs no others: each file is fetched here, and imports of it are made to name its
 * bytes as a blob. So what runs is what was fetched at this start, and the sandbox needs no right to import or to read.
 */

import { Buffer } from "node:buffer";
import { type Fetched, fetchModule, MODULE_BYTES_MAX } from "./fetching.ts";
import { type Import, importsOf } from "./imports.ts";

const FILES_MAX = 200;

/** Modules that a backend may import by name, for they are the server's own. */
const OWN: Readonly<Record<string, URL>> = {
  "@rhino/rhino/contract": new URL("../contract.ts", import.meta.url),
};

/** Makes blobs of files, and forgets them together. */
export class ModuleGraph implements Disposable {
  readonly #blobs = new Map<string, string>();
  readonly #urls: string[] = [];
  #bytes = 0;

  /**
   * The blob's URL of the file, once all that it imports is there too.
   *
   * @throws {Error} with the reason, in few words
   */
  async add(file: Fetched, path: readonly string[] = []): Promise<string> {
    this.#bytes += file.bytes.length;
    if (this.#bytes > MODULE_BYTES_MAX) {
      throw new Error(`its files are larger than ${MODULE_BYTES_MAX / 2 ** 20} MiB together`);
    }
    if (this.#urls.length >= FILES_MAX) throw new Error(`it has more than ${FILES_MAX} files`);
    const text = new TextDecoder().decode(file.bytes);
    const origin = path.length === 0 ? file.url : new URL(path[0] ?? "");
    let joined = "";
    let done = 0;
    for (const one of await readImports(text)) {
      const target = targetOf(one, file.url);
      if (target === null) continue;
      checkOrigin(target, origin);
      const blob = await this.#addOther(target, [...path, file.url.href]);
      joined += text.slice(done, one.start) + blob;
      done = one.end;
    }
    return this.blobOf(Buffer.from(joined + text.slice(done)), file);
  }

  /** Exactly these bytes, as what the file is. */
  blobOf(bytes: Uint8Array<ArrayBuffer>, file: Pick<Fetched, "url" | "contentType">): string {
    const blob = URL.createObjectURL(new Blob([bytes], { type: mediaTypeOf(file) }));
    this.#urls.push(blob);
    return blob;
  }

  [Symbol.dispose](): void {
    for (const url of this.#urls) URL.revokeObjectURL(url);
    this.#urls.length = 0;
    this.#blobs.clear();
  }

  async #addOther(url: URL, path: readonly string[]): Promise<string> {
    const known = this.#blobs.get(url.href);
    if (known !== undefined) return known;
    if (path.includes(url.href)) {
      throw new Error(`${url.pathname} imports itself by way of others: bundle it into one file`);
    }
    const fetched = await fetchModule(url).catch((error: Error) => {
      throw new Error(`${url.href}, which it imports: ${error.message}`);
    });
    checkOrigin(fetched.url, url);
    const blob = await this.add(fetched, path);
    this.#blobs.set(url.href, blob);
    return blob;
  }
}

async function readImports(text: string): Promise<readonly Import[]> {
  try {
    return (await importsOf(text)).toSorted((a, b) => a.start - b.start);
  } catch (error) {
    throw notCode(error);
  }
}

export function notCode(error: unknown): Error {
  const text = error instanceof Error ? error.message.split("\n")[0] : String(error);
  return new Error(`it is not JavaScript or TypeScript (${text})`);
}

/** What is to be fetched for an import; `null` for what Deno finds: packages, and Node's modules. */
function targetOf({ specifier }: Import, base: URL): URL | null {
  const own = Object.hasOwn(OWN, specifier) ? OWN[specifier] : undefined;
  if (own !== undefined) return own;
  if (/^\.{0,2}\//.test(specifier)) return URL.parse(specifier, base);
  const url = URL.parse(specifier);
  return url !== null && ["http:", "https:", "file:"].includes(url.protocol) ? url : null;
}

/** A module from the network has files from there alone; one of this machine may have files of this machine. */
function checkOrigin(url: URL, from: URL): void {
  const isOwn = Object.values(OWN).some(({ href }) =>
    new URL(".", href).href === new URL(".", url).href
  );
  if (isOwn || (url.protocol === from.protocol && url.host === from.host)) return;
  throw new Error(`it imports from ${url.protocol}//${url.host}, which is not where it comes from`);
}

/** Anything that does not say what it is may be TypeScript, which is most of JavaScript too. */
export function mediaTypeOf({ url, contentType }: Pick<Fetched, "url" | "contentType">): string {
  if (/\.m?ts$/i.test(url.pathname)) return "application/typescript";
  if (/\.m?js$/i.test(url.pathname) || /javascript/i.test(contentType)) return "text/javascript";
  return "application/typescript";
}
