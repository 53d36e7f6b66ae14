/** A backend by URL that cannot be used ends the start with one clear line, before a port is open. */

import assert from "node:assert/strict";
import { runRhino, temporaryFolder } from "../cli/rhino_process.ts";
import { freePort } from "../support/free_port.ts";
import { hashOf, type Pages, serveModules } from "./module_server.ts";

const OPENS = "export const contractVersion = 1; export async function open() {";

const PAGES: Pages = {
  "/no_open.js": "export const contractVersion = 1;",
  "/old.js": "export const contractVersion = 7; export function open() {}",
  "/unversioned.js": "export function open() {}",
  "/throws.js": "throw new Error('not today');",
  "/page.html": "<html><body>Sign in</body></html>",
  "/cut.js": "export function open( {",
  "/reads.js": `${OPENS} Deno.readTextFileSync("/etc/hostname"); }`,
  "/writes.js": `${OPENS} Deno.writeTextFileSync("/tmp/rhino_was_here", ""); }`,
  "/env.js": `${OPENS} throw new Error("the home is " + Deno.env.get("HOME")); }`,
  "/runs.js": `${OPENS} await new Deno.Command("ls").output(); }`,
  "/loads.js": `${OPENS} Deno.dlopen("libc.so.6", {}); }`,
  "/hostname.js": `${OPENS} Deno.hostname(); }`,
  "/connects.js": `${OPENS} await Deno.connect({ hostname: "127.0.0.1", port: 1 }); }`,
  "/imports_later.js": `${OPENS} await import("http://127.0.0.1:" + 1 + "/x.js"); }`,
  "/imports_elsewhere.js": `import "https://example.org/x.js"; ${OPENS} }`,
  "/imports_missing.js": `import "./missing.js"; ${OPENS} }`,
  "/imports_float.js": `import "npm:yaml@2"; ${OPENS} }`,
  "/circle.js": `import "./circle_2.js"; ${OPENS} }`,
  "/circle_2.js": `import "./circle.js";`,
  "/nothing.js": `${OPENS} }`,
  "/throws_open.js": `${OPENS} throw new Error("no luck"); }`,
  "/unusable.js":
    `${OPENS} throw Object.assign(new Error("Cannot use the store: it is Tuesday"), { name: "BackendError", kind: "unusable" }); }`,
  "/large.js": () => new Response(new Uint8Array(11 * 2 ** 20)),
  "/moved.js": () => new Response(null, { status: 302, headers: { location: "/moved.js" } }),
  "/down.js": () =>
    new Response(null, { status: 302, headers: { location: "file:///etc/hostname" } }),
};

/** Path behind the server's address, with its hash → the line, without what comes before the reason. */
const LINES: readonly (readonly [path: string, pattern: RegExp])[] = [
  [
    "/missing.js",
    /Cannot load the backend odd from URL\/missing\.js: the server answered 404 Not Found$/,
  ],
  ["/large.js", /: it is larger than 10 MiB$/],
  ["/moved.js", /: more than 5 redirects$/],
  ["/down.js", /: a redirect leads to file:, which is not as safe$/],
  ["/page.html", /: it is not JavaScript or TypeScript \(.+\)$/],
  ["/cut.js", /: it is not JavaScript or TypeScript \(.+\)$/],
  [
    "/no_open.js",
    /Cannot use the backend odd from URL\/no_open\.js: it exports no function "open"$/,
  ],
  ["/old.js", /: it was written for version 7 of the contract, and this Rhino has 1$/],
  ["/unversioned.js", /: it exports no contractVersion, and this Rhino has version 1$/],
  ["/throws.js", /Cannot load the backend odd from URL\/throws\.js: not today$/],
  [
    "/throws_open.js",
    /Cannot open the store with the backend odd from \S+: open: it threw Error: no luck$|no luck$/,
  ],
  ["/unusable.js", / ERROR Cannot use the store: it is Tuesday$/],
  ["/nothing.js", /: open: it threw TypeError: .+$/],
  ["/reads.js", /: it asked for read access to "\/etc\/hostname", which the sandbox refuses$/],
  [
    "/writes.js",
    /: it asked for write access to "\/tmp\/rhino_was_here", which the sandbox refuses$/,
  ],
  ["/env.js", /: it threw Error: the home is undefined$/],
  ["/runs.js", /: it asked for run access to "ls", which the sandbox refuses$/],
  ["/loads.js", /: it asked for ffi access to "[^"]*libc\.so\.6", which the sandbox refuses$/],
  ["/hostname.js", /: it asked for sys access to "hostname", which the sandbox refuses$/],
  [
    "/connects.js",
    /: it asked for net access to "127\.0\.0\.1:1", which the sandbox refuses; --backend-allow-net=127\.0\.0\.1:1 would allow it$/,
  ],
  [
    "/imports_later.js",
    /: it imports from "127\.0\.0\.1:1", which no backend may: only npm: packages and node:$/,
  ],
  [
    "/imports_elsewhere.js",
    /: it imports from https:\/\/example\.org, which is not where it comes from$/,
  ],
  [
    "/imports_missing.js",
    /: URL\/missing\.js, which it imports: the server answered 404 Not Found$/,
  ],
  ["/circle.js", /: \/circle\.js imports itself by way of others: bundle it into one file$/],
  [
    "/nothing.js#md5-abc",
    /: its hash is "md5-abc": expected sha256- and 64 hexadecimal digits, or 32 bytes in base64$/,
  ],
  [
    `/nothing.js#sha256-${"0".repeat(64)}`,
    /: its hash is sha256-[0-9a-f]{64}, and sha256-0{64} is expected$/,
  ],
  [
    `/nothing.js#sha256-${"A".repeat(43)}=`,
    /: its hash is sha256-[A-Za-z0-9+/]{43}=, and sha256-A{43}= is expected$/,
  ],
];

async function assertRefused(source: string, pattern: RegExp, url = ""): Promise<void> {
  const { code, stdout, stderr } = await runRhino({
    args: [
      "--listen-address=127.0.0.1:0",
      "--endpoint=odd://127.0.0.1:6379",
      `--backend=odd=${source}`,
    ],
  });
  const text = url === "" ? stderr : stderr.replaceAll(url, "URL");
  assert.match(text, /^[^\n]+ ERROR [^\n]+\n$/, `one line for ${source}`);
  assert.match(text.trimEnd(), pattern);
  assert.deepEqual([code, stdout], [1, ""]);
}

for (const [path, pattern] of LINES) {
  Deno.test(`a backend at ${path} ends the start with its reason`, async () => {
    await using server = serveModules(PAGES);
    await assertRefused(server.url + path, pattern, server.url);
  });
}

Deno.test("a module with a hash that imports what the hash does not cover is refused before it runs", async () => {
  await using server = serveModules(PAGES);
  for (
    const [path, imported] of [
      ["/imports_missing.js", "./missing.js"],
      ["/imports_elsewhere.js", "https://example.org/x.js"],
      ["/imports_float.js", "npm:yaml@2"],
    ] as const
  ) {
    const hash = await hashOf(String(PAGES[path]));
    const covered =
      "which its hash does not cover: a module with a hash is one file and imports only npm:name@x.y.z and node:";
    await assertRefused(
      `${server.url}${path}#${hash}`,
      new RegExp(
        `: it imports "${imported.replaceAll(".", "\\.")}", ${covered.replaceAll(".", "\\.")}$`,
      ),
    );
  }
  assert.ok(!server.asked.includes("/missing.js"), "nothing more is fetched");
});

Deno.test("a module that is not there ends the start with where it was looked for", async () => {
  await using folder = await temporaryFolder();
  const port = await freePort();
  await assertRefused(
    `http://127.0.0.1:${port}/mod.ts`,
    /: it cannot be reached: .*[Cc]onnection refused/,
  );
  await assertRefused(`${folder.path}/mod.ts`, /from \S+\/mod\.ts: there is no such file$/);
  await assertRefused(folder.path, /: it is not a file$/);
  await assertRefused(
    "ftp://example.org/mod.ts",
    /: expected a URL of https:, http:, file: or npm:, or a path$/,
  );
  await assertRefused(
    "npm:yaml@2.9.1#sha256-" + "0".repeat(64),
    /from npm:yaml@2\.9\.1: a package of npm cannot be checked by a hash of ours/,
  );
  await assertRefused(
    "npm:yaml@2.9.1",
    /Cannot use the backend odd from npm:yaml@2\.9\.1: it exports no function "open"$/,
  );
});

Deno.test("an unknown scheme ends the start with those that are known, and how to add one", async () => {
  const { code, stderr } = await runRhino({
    args: ["--endpoint=mongo://me:secret@host/db", "--backend=redis=./mod.ts"],
  });
  assert.equal(code, 1);
  assert.match(
    stderr,
    / ERROR Cannot open backend: unknown scheme "mongo:"; known are mariadb:, memory:, mysql:, postgres:, postgresql:, redis:, sqlite: and a plain path, which is SQLite; --backend mongo=URL adds it\n$/,
  );
});

Deno.test("a scheme that has a module ends the start if it is given another", async () => {
  const twice = ["--backend=redis=./a.ts", "--backend=redis=./b.ts"];
  for (
    const [args, pattern] of [
      [
        ["--backend=sqlite=./mod.ts", "--endpoint=memory:"],
        /--backend sqlite= is given, but sqlite: is Rhino's own/,
      ],
      [[...twice, "--endpoint=redis://127.0.0.1"], /--backend redis= is given twice/],
    ] as const
  ) {
    const { code, stderr } = await runRhino({ args });
    assert.equal(code, 1);
    assert.match(stderr, pattern);
  }
});
