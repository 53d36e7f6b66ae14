import assert from "node:assert/strict";
import { addressOf, clientUrls } from "./client_urls.ts";
import type { ListenUrl } from "./config.ts";

function urls(host: string, options: { authority?: string; advertised?: string[] } = {}) {
  const { authority = "db.example:2379", advertised = [] } = options;
  const listening = () => [{ scheme: "http", host, port: 1234 } as const];
  return clientUrls({ advertised, listening, hostname: "machine" }, authority);
}

function urlsOf(listening: readonly ListenUrl[], authority: string) {
  return clientUrls({ advertised: [], listening: () => listening, hostname: "machine" }, authority);
}

Deno.test("clientUrls() tells what the operator advertises, whatever else is known", () => {
  const advertised = ["http://a:1", "http://b:2"];
  assert.deepEqual(urls("0.0.0.0", { advertised }), advertised);
  assert.deepEqual(urls("127.0.0.1", { advertised }), advertised);
});

Deno.test("clientUrls() tells the address that it listens on when that is one interface", () => {
  assert.deepEqual(urls("127.0.0.1"), ["http://127.0.0.1:1234"]);
  assert.deepEqual(urls("::1"), ["http://[::1]:1234"]);
});

Deno.test("clientUrls() tells what the client called it by when it listens on all interfaces", () => {
  for (const host of ["0.0.0.0", "::"]) {
    assert.deepEqual(urls(host), ["http://db.example:2379"]);
    assert.deepEqual(urls(host, { authority: "[fe80::1]:80" }), ["http://[fe80::1]:80"]);
    assert.deepEqual(urls(host, { authority: "10.0.0.7:99" }), ["http://10.0.0.7:99"]);
  }
});

Deno.test("clientUrls() tells the machine's name when the authority is no address", () => {
  const strange = [
    "",
    "db.example",
    "#initially=[a:1;b:2]",
    "unix:///run/x",
    "a:b",
    "x/y:1",
    "a:1\nb",
  ];
  for (const authority of strange) {
    assert.deepEqual(urls("0.0.0.0", { authority }), ["http://machine:1234"], authority);
  }
});

Deno.test("clientUrls() tells https where TLS is on, and the paths of Unix sockets", () => {
  assert.deepEqual(urlsOf([{ scheme: "https", host: "::1", port: 1 }], ""), ["https://[::1]:1"]);
  assert.deepEqual(urlsOf([{ scheme: "https", host: "::", port: 1 }], "a:2"), ["https://a:2"]);
  assert.deepEqual(urlsOf([{ scheme: "unix", host: "/run/x", port: 0 }], "localhost"), [
    "unix:///run/x",
  ]);
});

Deno.test("clientUrls() tells all URLs, each once, and by the port which of them the client used", () => {
  const listening: ListenUrl[] = [
    { scheme: "http", host: "0.0.0.0", port: 1 },
    { scheme: "http", host: "0.0.0.0", port: 1 },
    { scheme: "https", host: "::", port: 2 },
    { scheme: "http", host: "10.0.0.1", port: 3 },
  ];
  assert.deepEqual(urlsOf(listening, "db.example:2"), [
    "http://machine:1",
    "https://db.example:2",
    "http://10.0.0.1:3",
  ]);
});

Deno.test("addressOf() puts IPv6 addresses into brackets", () => {
  assert.equal(addressOf({ host: "::", port: 1 }), "[::]:1");
  assert.equal(addressOf({ host: "localhost", port: 1 }), "localhost:1");
});
