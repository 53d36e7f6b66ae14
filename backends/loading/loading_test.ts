/** Loading without running: hashes, imports, and the bounds of a fetch. */

import assert from "node:assert/strict";
import { fetchModule } from "./fetching.ts";
import { importsOf, isExactNpm } from "./imports.ts";
import { checkIntegrity, parseIntegrity } from "./integrity.ts";

const BYTES = new TextEncoder().encode("abc");
/** FIPS 180-2's example. */
const HEX = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const BASE64 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

Deno.test("checkIntegrity() takes hex, base64, and base64 of URLs", () => {
  const forUrls = BASE64.replaceAll("+", "-").replaceAll("/", "_");
  for (const text of [HEX, HEX.toUpperCase(), BASE64, forUrls, BASE64.slice(0, -1)]) {
    checkIntegrity(BYTES, `sha256-${text}`);
    assert.equal(parseIntegrity(`sha256-${text}`).length, 32);
  }
});

Deno.test("checkIntegrity() tells what it found in the form of what it expected", () => {
  const other = BYTES.with(0, 98);
  assert.throws(() => checkIntegrity(other, `sha256-${HEX}`), {
    message: /^its hash is sha256-[0-9a-f]{64}, and sha256-ba78/,
  });
  assert.throws(() => checkIntegrity(other, `sha256-${BASE64}`), {
    message: /^its hash is sha256-[\w+/]{43}=, and sha256-ungW/,
  });
});

Deno.test("parseIntegrity() refuses what is no digest", () => {
  for (
    const text of [
      "",
      HEX,
      "sha256-",
      `sha512-${HEX}`,
      `sha256-${HEX}0`,
      "sha256-ab",
      `sha256-${HEX.slice(1)}g`,
    ]
  ) {
    assert.throws(() => parseIntegrity(text), RangeError, text);
  }
});

Deno.test("importsOf() finds what runs, and leaves out what is of types alone", async () => {
  const text = `
    import type { A } from "./a.ts";
    import { type B, c } from "./b.ts";
    import type from "./type.ts";
    export type { D } from "./d.ts";
    export * from './e.ts';
    import "npm:x@1.2.3";
    await import("./f.ts");
    await import("./" + name);
    // import "./comment.ts"
    const s = 'import "./text.ts"';
    import.meta.url;
  `;
  const found = await importsOf(text);
  assert.deepEqual(
    found.map(({ specifier }) => specifier),
    ["./b.ts", "./type.ts", "./e.ts", "npm:x@1.2.3", "./f.ts"],
  );
  for (const { specifier, start, end } of found) assert.equal(text.slice(start, end), specifier);
});

Deno.test("isExactNpm() wants one version", () => {
  for (const good of ["npm:a@1.2.3", "npm:@s/a@1.2.3", "npm:/a@1.2.3/sub", "npm:a@1.2.3-rc.1"]) {
    assert.ok(isExactNpm(good), good);
  }
  for (const bad of ["npm:a", "npm:a@1", "npm:a@^1.2.3", "npm:@s/a", "npm:a@latest", "a@1.2.3"]) {
    assert.ok(!isExactNpm(bad), bad);
  }
});

Deno.test("fetchModule() gives up on what is too large or too slow", async () => {
  const endless = () =>
    new ReadableStream<Uint8Array>({
      async pull(controller) {
        controller.enqueue(new Uint8Array(1_000));
        await new Promise((resolve) => setTimeout(resolve, 5));
      },
    });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(endless()),
  );
  const url = new URL(`http://127.0.0.1:${server.addr.port}/mod.ts`);
  await assert.rejects(fetchModule(url, { bytesMax: 5_000 }), /^Error: it is larger than/);
  await assert.rejects(fetchModule(url, { msMax: 100 }), /^Error: no whole answer within 0\.1 s$/);
});

Deno.test("fetchModule() follows some redirects, and tells where they led", async () => {
  const pages = ["/a", "/b", "/c"];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { pathname } = new URL(request.url);
      const next = pages[pages.indexOf(pathname) + 1];
      return next === undefined
        ? new Response("abc")
        : new Response(null, { status: 301, headers: { location: next } });
    },
  );
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const { bytes, url } = await fetchModule(new URL("/a", origin));
  assert.deepEqual([bytes, url.href], [BYTES, `${origin}/c`]);
});
