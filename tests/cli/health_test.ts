/** `rhino health` against servers that are well, not well, and not there; over TLS against etcd, which answers /health. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { freePorts } from "../support/free_port.ts";
import { oracleTools, whyNoOracle } from "../support/oracle.ts";
import { ServerProcess } from "../support/server_process.ts";
import { RhinoProcess, runRhino, temporaryFolder } from "./rhino_process.ts";

const missing = await whyNoOracle();

/** Answers each request alike. */
async function answering(status: number, body: string): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((_, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

Deno.test("health ends with 0 if the server is well, and 1 if it is not", async () => {
  const cases: readonly (readonly [status: number, body: string, code: number, line: RegExp])[] = [
    [
      200,
      `{"health":"true","reason":""}`,
      0,
      / is healthy: 200 \{"health":"true","reason":""\}\n$/,
    ],
    [503, `{"health":"false","reason":"NOSPACE"}`, 1, / is unhealthy: 503 .*NOSPACE/],
    [200, `{"health":"false"}`, 1, / is unhealthy: 200 /],
    [404, "404 page not found\n", 1, / is unhealthy: 404 404 page not found\n$/],
    [200, "x".repeat(100_000), 1, / is unhealthy: the answer is too long\n$/],
  ];
  for (const [status, body, code, line] of cases) {
    await using server = await answering(status, body);
    const result = await runRhino({ args: ["health", "--endpoint", server.url] });
    assert.equal(result.code, code);
    assert.match(code === 0 ? result.stdout : result.stderr, line);
    assert.match(result.stdout + result.stderr, /^http:\/\/[^\n]+\n$/, "one line");
  }
});

Deno.test("health of Rhino itself, found by its own variables", async () => {
  const [port] = await freePorts(1);
  const env = { ETCD_LISTEN_CLIENT_URLS: `http://127.0.0.1:${port}`, KINE_ENDPOINT: "memory://" };
  await using rhino = new RhinoProcess({ args: [], env });
  await rhino.address();
  const { code, stdout } = await runRhino({ args: ["health"], env });
  assert.equal(code, 0);
  assert.match(stdout, /^http:\/\/127\.0\.0\.1:\d+\/health is healthy: 200 .+\n$/);
});

Deno.test("health ends with 1 if nobody is there", async () => {
  const [port] = await freePorts(1);
  const { code, stderr } = await runRhino({
    args: ["health"],
    env: { ETCD_LISTEN_CLIENT_URLS: `http://127.0.0.1:${port}` },
  });
  assert.equal(code, 1);
  assert.match(stderr, /^http:\/\/127\.0\.0\.1:\d+\/health is unhealthy: [^\n]+\n$/);
});

Deno.test({
  name: "health asks over TLS, and checks the certificate only against an authority",
  ignore: missing !== undefined,
  async fn() {
    await using folder = await temporaryFolder();
    const { etcd } = await oracleTools();
    const [client, peer] = await freePorts(2);
    const url = `https://127.0.0.1:${client}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    const server = new ServerProcess(etcd, [
      `--data-dir=${folder.path}`,
      "--auto-tls",
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      "--unsafe-no-fsync",
    ]);
    try {
      await server.ready();
      const certificate = `${folder.path}/fixtures/client/cert.pem`;
      const ask = (...args: string[]) => runRhino({ args: ["health", ...args] });
      assert.equal((await ask(`--endpoint=${url}`)).code, 0);
      assert.equal((await ask(`--listen-client-urls=${url}`)).code, 0);
      assert.equal((await ask(`--endpoint=${url}`, `--cacert=${certificate}`)).code, 0);
      const other = `${folder.path}/other.pem`;
      await Deno.writeTextFile(other, "");
      assert.equal((await ask(`--endpoint=${url}`, `--cacert=${other}`)).code, 1);
      assert.equal((await ask(`--endpoint=${url}`, "--cacert=/not/there")).code, 1);
      assert.equal((await ask(`--endpoint=http://127.0.0.1:${client}`)).code, 1);
    } finally {
      await server.end("SIGTERM");
    }
  },
});
