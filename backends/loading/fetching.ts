/** The bytes of a module from where its URL says, within bounds of size, time and redirects. */

import { fileURLToPath } from "node:url";

/** A module that Rhino runs is code that somebody wrote, or a bundle of it. */
export const MODULE_BYTES_MAX = 10 * 1024 * 1024;
export const FETCH_MS_MAX = 30_000;
export const REDIRECTS_MAX = 5;

export interface Fetched {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Behind all redirects. */
  readonly url: URL;
  readonly contentType: string;
}

export interface FetchOptions {
  readonly bytesMax?: number;
  readonly msMax?: number;
}

/** @throws {Error} with the reason, in few words */
export async function fetchModule(
  url: URL,
  { bytesMax = MODULE_BYTES_MAX, msMax = FETCH_MS_MAX }: FetchOptions = {},
): Promise<Fetched> {
  if (url.protocol === "file:") return await readModule(url, bytesMax);
  const signal = AbortSignal.timeout(msMax);
  try {
    const { response, at } = await follow(url, signal);
    return {
      bytes: await bytesOf(response, bytesMax),
      url: at,
      contentType: response.headers.get("content-type") ?? "",
    };
  } catch (error) {
    if (signal.aborted) throw new Error(`no whole answer within ${msMax / 1_000} s`);
    if (error instanceof TypeError) throw new Error(`it cannot be reached: ${causeOf(error)}`);
    throw error;
  }
}

async function follow(url: URL, signal: AbortSignal): Promise<{ response: Response; at: URL }> {
  let at = url;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const response = await fetch(at, { redirect: "manual", signal });
    const location = response.headers.get("location");
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      at = nextUrl(at, location);
      continue;
    }
    if (response.ok) return { response, at };
    await response.body?.cancel();
    throw new Error(`the server answered ${response.status} ${response.statusText}`.trimEnd());
  }
  throw new Error(`more than ${REDIRECTS_MAX} redirects`);
}

function nextUrl(at: URL, location: string): URL {
  const next = URL.parse(location, at);
  if (next === null) throw new Error("a redirect leads to no URL");
  const isSafe = next.protocol === "https:" ||
    (next.protocol === "http:" && at.protocol === "http:");
  if (!isSafe) throw new Error(`a redirect leads to ${next.protocol}, which is not as safe`);
  return next;
}

async function bytesOf(response: Response, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

async function readModule(url: URL, bytesMax: number): Promise<Fetched> {
  const path = fileURLToPath(url);
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile) throw new Error("it is not a file");
    if (size > bytesMax) throw tooLarge(bytesMax);
    return { bytes: await Deno.readFile(path), url, contentType: "" };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error("there is no such file");
    throw error;
  }
}

function tooLarge(bytesMax: number): Error {
  return new Error(`it is larger than ${bytesMax / 2 ** 20} MiB`);
}

/** What a failed fetch says of the connection, rather than of the request. */
function causeOf(error: TypeError): string {
  const text = error.cause instanceof Error ? error.cause.message : error.message;
  return text.split(": ").slice(-2).join(": ");
}
