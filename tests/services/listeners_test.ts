import assert from "node:assert/strict";
import { makeConfig } from "../../src/config.ts";
import { startServer } from "../../src/server.ts";
import { makeCertificates } from "../support/certificates.ts";
import { freePort } from "../support/free_port.ts";
import { startTlsServer, tlsTest } from "../support/tls_server.ts";
import { openPlain, openTls, PREFACE, probe, untilClosed } from "../support/tls_probe.ts";

const GET = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/** What a plain connection answers until it ends, or its first bytes. */
async function answerTo(port: number, request: string | Uint8Array): Promise<string> {
  const socket = await openPlain(port);
  const first = new Promise<string>((resolve) => {
    socket.once("data", (chunk) => resolve(chunk.toString("latin1")));
    socket.on("close", () => resolve(""));
  });
  socket.write(request);
  const answer = await first;
  socket.destroy();
  return answer;
}

tlsTest("Listeners: HTTP on URLs of its own leaves gRPC alone on the others", async (target) => {
  const dataDir = await Deno.makeTempDir();
  {
    await using server = await startTlsServer(target, {
      dataDir,
      scheme: "http",
      splitHttp: true,
    });
    assert.match(await answerTo(server.secondPort, GET), /^HTTP\/1\.1 /);
    assert.equal((await answerTo(server.secondPort, PREFACE)).startsWith("\0\0"), false);
    assert.doesNotMatch(await answerTo(server.port, GET), /^HTTP\/1\.1 /);
    // A frame of settings.
    assert.equal((await answerTo(server.port, PREFACE)).charCodeAt(3), 4);
  }
  await Deno.remove(dataDir, { recursive: true });
});

tlsTest("Listeners: with TLS too, HTTP has URLs of its own", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, dir } = certificates;
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    dataDir: `${dir}/data`,
    splitHttp: true,
  });
  const ca = authority.cert;
  assert.equal((await probe({ port: server.port, ca })).isServed, true);
  const socket = openTls({ port: server.secondPort, ca, settings: { ALPNProtocols: [] } });
  const answer = untilClosed(socket);
  socket.write(GET);
  assert.match((await answer).toString(), /^HTTP\/1\.1 /);
});

tlsTest("Listeners: one address may be served with and without TLS", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, dir } = certificates;
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    dataDir: `${dir}/data`,
    mixed: true,
  });
  const { port } = server;
  assert.equal((await probe({ port, ca: authority.cert })).isServed, true);
  assert.equal((await answerTo(port, PREFACE)).charCodeAt(3), 4);
  assert.match(await answerTo(port, GET), /^HTTP\/1\.1 /);
});

tlsTest("Listeners: metrics on a plain URL need no certificate", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, dir } = certificates;
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    trustedCaFile: authority.cert,
    clientCertAuth: true,
    dataDir: `${dir}/data`,
    metrics: true,
  });
  assert.match(await answerTo(server.secondPort, GET), /^HTTP\/1\.1 /);
  assert.notEqual((await answerTo(server.secondPort, PREFACE)).charCodeAt(3), 4);
});

/** Starts Rhino with these values, which must fail. */
async function startFailure(values: Parameters<typeof makeConfig>[0]): Promise<string> {
  const config = makeConfig({ endpoint: "memory://", ...values });
  try {
    await using _server = await startServer(config, () => {});
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return assert.fail("it started");
}

const HTTPS = [{ scheme: "https", host: "127.0.0.1", port: 0 }] as const;

Deno.test("a server that cannot listen as it should says why in one line", async () => {
  const cases: [Parameters<typeof makeConfig>[0], RegExp][] = [
    [
      { listenClientUrls: HTTPS },
      /^TLS key\/cert \(--cert-file, --key-file\) must be provided for client url https:\/\/127\.0\.0\.1:0 with HTTPS scheme$/,
    ],
    [{ listenMetricsUrls: HTTPS }, /must be provided for client url/],
    [{ listenClientUrls: HTTPS, certFile: "/x" }, /^--cert-file and --key-file: both are needed/],
    [
      { listenClientUrls: HTTPS, certFile: "/no/cert", keyFile: "/no/key" },
      /^--cert-file \/no\/cert: no such file$/,
    ],
    [
      { listenClientUrls: HTTPS, certFile: "/x", keyFile: "/x", clientCertAuth: true },
      /^--client-cert-auth: needs --trusted-ca-file$/,
    ],
    [{ cipherSuites: ["x"] }, /^unexpected TLS cipher suite "x"$/],
    [{ tlsMinVersion: "TLS1.3", tlsMaxVersion: "TLS1.2" }, /^min version \(TLS1\.3\) is greater/],
    [
      {
        listenClientUrls: [{ scheme: "http", host: "127.0.0.1", port: 1 }],
        listenClientHttpUrls: [{ scheme: "http", host: "127.0.0.1", port: 1 }],
      },
      /^cannot bind both --listen-client-urls and --listen-client-http-urls on the same url/,
    ],
    [
      { listenClientUrls: [{ scheme: "unix", host: "/no/folder/x", port: 0 }] },
      /^Cannot listen on \/no\/folder\/x: no such folder$/,
    ],
  ];
  for (const [values, expected] of cases) assert.match(await startFailure(values), expected);
});

Deno.test("a Unix socket takes the place of one that was left behind, of no other file", async () => {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/rhino.sock`;
  const listenClientUrls = [{ scheme: "unix", host: path, port: 0 }] as const;
  Deno.listen({ transport: "unix", path }).close();
  const config = makeConfig({ endpoint: "memory://", listenClientUrls });
  {
    await using server = await startServer(config, () => {});
    assert.equal(server.address, `unix://${path}`);
    assert.ok((await Deno.stat(path)).isSocket);
  }
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  await Deno.writeTextFile(path, "precious");
  assert.equal(
    await startFailure({ listenClientUrls }),
    `Cannot listen on ${path}: it is a file, and no socket`,
  );
  assert.equal(await Deno.readTextFile(path), "precious");
  await Deno.remove(dir, { recursive: true });
});

Deno.test("if one URL cannot be had, none stays open", async () => {
  const port = await freePort();
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const urls = [port, taken.addr.port].map((one) =>
    ({ scheme: "http", host: "127.0.0.1", port: one }) as const
  );
  assert.match(await startFailure({ listenClientUrls: urls }), /address already in use$/);
  taken.close();
  // The first one is free again.
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

Deno.test("the same URL twice is listened on once", async () => {
  const url = { scheme: "http", host: "127.0.0.1", port: await freePort() } as const;
  const config = makeConfig({ endpoint: "memory://", listenClientUrls: [url, url] });
  await using server = await startServer(config, () => {});
  assert.deepEqual(server.urls, [{ ...url, serves: "grpc+http" }]);
});
