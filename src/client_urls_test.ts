import assert from "node:assert/strict";
import { addressOf, clientUrls } from "./client_urls.ts";

function urls(host: string, options: { authority?: string; advertised?: string[] } = {}) {
  const { authority = "db.example:2379", advertised = [] } = options;
  const listening = { host, port: 1234 };
  return clientUrls({ advertised, listening, hostname: "machine" }, authority);
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

Deno.test("addressOf() puts IPv6 addresses into brackets", () => {
  assert.equal(addressOf({ host: "::", port: 1 }), "[::]:1");
  assert.equal(addressOf({ host: "localhost", port: 1 }), "localhost:1");
});
