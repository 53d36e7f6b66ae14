import assert from "node:assert/strict";
import { parseCommand } from "../cli/command.ts";
import { probeOf } from "./server_probe.ts";

function probe(args: readonly string[], env: Record<string, string> = {}) {
  const command = parseCommand({ args: ["health", ...args], env });
  assert.ok(command.name === "health");
  return probeOf(command);
}

Deno.test("probeOf(): the server is where the same flags and variables put it", () => {
  const cases: readonly (readonly [args: string[], url: string])[] = [
    [[], "http://127.0.0.1:2379"],
    [["--listen-address=[::]:1"], "http://[::1]:1"],
    [["--data-dir=d"], "http://localhost:2379"],
    [
      ["--listen-client-urls=https://a:1", "--listen-client-http-urls=http://b:2"],
      "http://b:2",
    ],
    [
      ["--listen-client-urls=https://a:1", "--metrics-bind-address=:3"],
      "http://127.0.0.1:3",
    ],
  ];
  for (const [args, url] of cases) assert.equal(probe(args).origin, url, args.join(" "));
  assert.equal(probe([], { ETCD_LISTEN_CLIENT_URLS: "http://c:4" }).origin, "http://c:4");
  const socket = probe(["--listen-address=unix:///run/a.sock"]);
  assert.deepEqual([socket.origin, socket.socketPath], ["http://localhost", "/run/a.sock"]);
});

Deno.test("probeOf(): --endpoint is a server's, and its certificates are its own flags", () => {
  const env = { RHINO_ENDPOINT: "postgres://u:p@h/d" };
  assert.deepEqual(
    probe(["-endpoint", "https://a:1", "--cacert=ca", "--cert", "c", "--key=k"], env),
    { origin: "https://a:1", socketPath: "", cacert: "ca", cert: "c", key: "k" },
  );
  assert.equal(probe(["--endpoints=a:1"]).origin, "http://a:1");
  for (const args of [["--endpoint"], ["--endpoint=ftp://a"], ["--endpoint=http://"]]) {
    assert.throws(() => probe(args), { name: "UsageError" }, args.join(" "));
  }
});

Deno.test("probeOf(): shows the server's own certificate where it asks clients for one", () => {
  const tls = ["--listen-client-urls=https://a:1", "--cert-file=c", "--key-file=k"];
  assert.equal(probe(tls).cert, "");
  const asking = probe([...tls, "--client-cert-auth"]);
  assert.deepEqual([asking.cert, asking.key], ["c", "k"]);
});
