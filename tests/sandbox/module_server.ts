/** A web server of modules, as somebody would publish a backend with: files of this repository, and texts of a test. */

import { extname, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface ModuleServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash. */
  readonly url: string;
  /** Where a file of this repository is served. */
  urlOf(file: URL): string;
  /** Paths that were asked for, in turn. */
  readonly asked: readonly string[];
}

/** What is at a path: a text, or an answer of any kind. */
export type Pages = Readonly<
  Record<string, string | ((request: Request) => Response | Promise<Response>)>
>;

export function serveModules(pages: Pages = {}): ModuleServer {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    const page = pages[pathname];
    if (typeof page === "function") return await page(request);
    if (page !== undefined) return module(page, pathname);
    try {
      return module(await Deno.readTextFile(`${ROOT}${pathname.slice(1)}`), pathname);
    } catch {
      return new Response("no such module", { status: 404, statusText: "Not Found" });
    }
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  return {
    url,
    urlOf: (file) => `${url}/${relative(ROOT, fileURLToPath(file))}`,
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function module(text: string, path: string): Response {
  const type = extname(path) === ".js" ? "text/javascript" : "application/typescript";
  return new Response(text, { headers: { "content-type": type } });
}

/** The memory backend as one file that needs no other, as `deno bundle` makes it for who publishes a module. */
export async function memoryBundle(): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--no-lock", `${ROOT}backends/memory/mod.ts`],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`deno bundle failed: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** `sha256-` and hex. */
export async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${new Uint8Array(digest).toHex()}`;
}
