/** The example backend for Redis as somebody else would get it: one file, over HTTP, known by its hash. */

import { fileURLToPath } from "node:url";
import { bundle } from "../../examples/redis/bundle.ts";

const SOURCES = fileURLToPath(new URL("../../examples/redis/", import.meta.url));
/** Bundles by what they were made of: making one takes longer than many a test. */
const CACHE = fileURLToPath(new URL("../../.cache/examples/", import.meta.url));

export interface ServedModule extends AsyncDisposable {
  /** For `--backend`. */
  readonly flag: string;
}

let bundled: Promise<{ path: string; integrity: string }> | undefined;

/** Serves the bundle on a free port until it is disposed of. */
export async function serveRedisModule(): Promise<ServedModule> {
  bundled ??= cachedBundle();
  const { path, integrity } = await bundled;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
    return new Response(await Deno.readFile(path), {
      headers: { "content-type": "text/javascript" },
    });
  });
  return {
    flag: `redis=http://127.0.0.1:${server.addr.port}/rhino-redis.js#${integrity}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function cachedBundle(): Promise<{ path: string; integrity: string }> {
  const path = `${CACHE}redis-${await sourcesDigest()}.js`;
  try {
    return { path, integrity: await integrityOf(path) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.mkdir(CACHE, { recursive: true });
  // Test files run in processes of their own, and some of them at the same time.
  const unfinished = `${path}.${crypto.randomUUID()}`;
  const integrity = await bundle(unfinished);
  await Deno.rename(unfinished, path);
  return { path, integrity };
}

async function integrityOf(path: string): Promise<string> {
  return `sha256-${await sha256(await Deno.readFile(path))}`;
}

/** Of all that the bundle is made of. */
async function sourcesDigest(): Promise<string> {
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const paths = [config, ...filesIn(SOURCES), ...filesIn(`${SOURCES}lua/`)].sort();
  const texts = await Promise.all(paths.map((path) => Deno.readTextFile(path)));
  return await sha256(new TextEncoder().encode(texts.join("\0")));
}

function filesIn(dir: string): string[] {
  return [...Deno.readDirSync(dir)].filter((entry) => entry.isFile).map(({ name }) => dir + name);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
