/** TLS in front of the transport: whom it names, and what it does not let in or wait for. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { credentials } from "@grpc/grpc-js";
import { createServer } from "node:http";
import {
  EchoClient,
  type EchoServer,
  startEchoServer,
} from "../../src/transport/testing/echo_server.ts";
import {
  type Alpn,
  createTls,
  type TlsFrontOptions,
  type TlsOptions,
} from "../../src/transport/tls/tls_front.ts";
import { runCommand } from "../support/databases/client_command.ts";
import {
  type Certificates,
  type KeyPair,
  makeCertificates,
  type TestAuthority,
  whyNoCertificates,
} from "../support/certificates.ts";
import {
  openPlain,
  openTls,
  PREFACE,
  probe,
  probeSocket,
  untilClosed,
} from "../support/tls_probe.ts";

const WHY_NOT = whyNoCertificates();

function tlsTest(name: string, run: (certificates: Certificates) => Promise<void>): void {
  Deno.test({
    name: WHY_NOT === undefined ? name : `${name} (ignored: ${WHY_NOT})`,
    ignore: WHY_NOT !== undefined,
    // The TLS of Deno's client ends a little later than its socket.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await using certificates = await makeCertificates();
      await run(certificates);
    },
  });
}

interface StartOptions {
  readonly tls?: Partial<TlsOptions>;
  readonly front?: Partial<TlsFrontOptions>;
  readonly plain?: boolean;
  readonly hotPath?: boolean;
}

interface StartedServer extends EchoServer {
  readonly refusals: string[];
}

async function start(
  { server, authority }: Pick<Certificates, "server" | "authority">,
  { tls = {}, front = {}, plain = false, hotPath = true }: StartOptions = {},
): Promise<StartedServer> {
  const refusals: string[] = [];
  const alpn: readonly Alpn[] = ["h2", "http/1.1"];
  const made = createTls({
    certFile: server.cert,
    keyFile: server.key,
    trustedCaFile: authority.cert,
    clientCertAuth: true,
    clientCrlFile: "",
    allowedHostnames: [],
    cipherSuites: [],
    minVersion: "TLS1.2",
    maxVersion: "",
    onTrouble: () => {},
    onRefused: ({ reason }) => refusals.push(reason),
    ...tls,
  });
  const echo = await startEchoServer({
    grpc: { hotPath },
    listener: { tls: made.front({ alpn, ...front }), plain },
  });
  return { ...echo, refusals, [Symbol.asyncDispose]: () => echo[Symbol.asyncDispose]() };
}

function client({ listener }: EchoServer, authority: TestAuthority, pair: KeyPair): EchoClient {
  const read = (path: string) => Buffer.from(Deno.readTextFileSync(path));
  const channel = credentials.createSsl(read(authority.cert), read(pair.key), read(pair.cert));
  // By its name: grpc-js tells the server what it is called, and an address is no name.
  return new EchoClient(`localhost:${listener.port}`, channel);
}

async function nameOf(echo: EchoClient, method: string): Promise<string> {
  if (method.endsWith("Stream")) {
    const { call, outcome } = echo.bidi(method);
    call.end();
    return (await outcome).messages.join();
  }
  return (await echo.unary(method, "x")).messages.join();
}

for (const [hotPath, path] of [[true, "stream path"], [false, "grpc-js"]] as const) {
  tlsTest(`a call knows the common name of its client's certificate (${path})`, async (made) => {
    await using server = await start(made, { hotPath });
    using echo = client(server, made.authority, made.alice);
    assert.equal(await nameOf(echo, "ClientName"), `"alice"`);
    assert.equal(await nameOf(echo, "ClientNameStream"), `"alice"`);
    // Another connection of another client.
    const bob = await made.authority.issue("bob", { commonName: "bøb", kind: "client" });
    using other = client(server, made.authority, bob);
    assert.equal(await nameOf(other, "ClientName"), `"bøb"`);
    assert.equal(await nameOf(echo, "ClientName"), `"alice"`);
  });

  tlsTest(`without --client-cert-auth a certificate names nobody (${path})`, async (made) => {
    await using server = await start(made, { hotPath, tls: { clientCertAuth: false } });
    using echo = client(server, made.authority, made.alice);
    assert.equal(await nameOf(echo, "ClientName"), "null");
    assert.equal(await nameOf(echo, "ClientNameStream"), "null");
  });
}

/** HTTP/2 as openssl speaks it, which keeps sessions in files. Returns whether it was served. */
async function probeByOpenssl(args: readonly string[]): Promise<boolean> {
  const child = new Deno.Command("openssl", {
    args: ["s_client", "-quiet", "-alpn", "h2", ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(PREFACE).catch(() => {});
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  if (!done) child.kill("SIGTERM");
  await reader.cancel();
  await writer.close().catch(() => {});
  await child.status;
  return !done;
}

tlsTest("a connection with nothing in common in ALPN is closed", async (made) => {
  await using server = await start(made, { front: { alpn: ["h2"] } });
  const { port } = server.listener;
  const options = { port, ca: made.authority.cert, client: made.alice };
  assert.equal((await probe(options)).isServed, true);
  const http1 = { settings: { ALPNProtocols: ["http/1.1"] } };
  assert.equal((await probe({ ...options, ...http1 })).isServed, false);
  // HTTP/2 has to be asked for.
  assert.equal((await probe({ ...options, settings: { ALPNProtocols: [] } })).isServed, false);
});

tlsTest("HTTP/1.1 is served over TLS", async (made) => {
  const http = createServer((_request, response) => response.end("over TLS"));
  const tls = createTls({
    certFile: made.server.cert,
    keyFile: made.server.key,
    trustedCaFile: "",
    clientCertAuth: false,
    clientCrlFile: "",
    allowedHostnames: [],
    cipherSuites: [],
    minVersion: "TLS1.2",
    maxVersion: "",
    onTrouble: () => {},
    onRefused: () => {},
  });
  await using server = await startEchoServer({
    listener: {
      tls: tls.front({ alpn: ["h2", "http/1.1"] }),
      plain: false,
      onHttp1(socket) {
        http.emit("connection", socket);
        socket.resume();
      },
    },
  });
  for (const ALPNProtocols of [["http/1.1"], []]) {
    const socket = openTls({
      port: server.listener.port,
      ca: made.authority.cert,
      settings: { ALPNProtocols },
    });
    const answer = untilClosed(socket);
    socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert.match((await answer).toString(), /^HTTP\/1\.1 200 [\s\S]*over TLS$/);
  }
  http.close();
});

tlsTest("plain and TLS connections are told apart on one port", async (made) => {
  await using server = await start(made, { plain: true });
  using plain = new EchoClient(server.address);
  using secure = client(server, made.authority, made.alice);
  assert.equal(await nameOf(plain, "ClientName"), "null");
  assert.equal(await nameOf(secure, "ClientName"), `"alice"`);
});

tlsTest("a handshake that stalls is closed after its time", async (made) => {
  await using server = await start(made, { front: { handshakeTimeoutMs: 50 } });
  for (const bytes of [[], [0x16, 3, 1], [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]]) {
    const socket = await openPlain(server.listener.port);
    socket.write(Uint8Array.from(bytes));
    await untilClosed(socket);
  }
  // It is the handshake alone that has to end in time.
  const socket = openTls({
    port: server.listener.port,
    ca: made.authority.cert,
    client: made.alice,
  });
  await new Promise<void>((resolve) => socket.once("secureConnect", () => resolve()));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal((await probeSocketOpen(socket)).isServed, true);
  socket.destroy();
});

/** As `probeSocket`, on a connection that has shaken hands already. */
function probeSocketOpen(socket: ReturnType<typeof openTls>) {
  const probed = probeSocket(socket);
  socket.emit("secureConnect");
  return probed;
}

tlsTest("at one handshake too many, the oldest connection is closed", async (made) => {
  await using server = await start(made, { front: { handshakesMax: 2 } });
  const { port } = server.listener;
  const served = openTls({ port, ca: made.authority.cert, client: made.alice });
  assert.equal((await probeSocket(served)).isServed, true);
  const oldest = await openPlain(port);
  const end = untilClosed(oldest);
  const others = [await openPlain(port), await openPlain(port)];
  await end;
  assert.deepEqual([served, ...others].map(({ destroyed }) => destroyed), [false, false, false]);
  for (const socket of [served, ...others]) socket.destroy();
});

for (const version of ["-tls1_2", "-tls1_3"]) {
  tlsTest(`a session whose certificate was verified may be resumed (${version})`, async (made) => {
    await using server = await start(made);
    const args = ["-connect", server.address, version];
    const session = `${made.dir}/session`;
    const alice = ["-cert", made.alice.cert, "-key", made.alice.key];
    assert.equal(await probeByOpenssl([...args, ...alice, "-sess_out", session]), true);
    // Without a certificate only the session can be what lets it in.
    assert.equal(await probeByOpenssl([...args, "-sess_in", session]), true);
    assert.equal(await probeByOpenssl(args), false);
  });

  tlsTest(
    `a session of another server of the process is not resumed (${version})`,
    async (made) => {
      // Tickets are the whole process's, and Deno takes whoever resumes for verified.
      const { impostor } = made;
      const eve = await impostor.issue("eve", { commonName: "alice", kind: "client" });
      const eveArgs = ["-cert", eve.cert, "-key", eve.key];
      await using other = await start({ server: made.server, authority: impostor });
      await using server = await start(made);
      const session = `${made.dir}/session`;
      const toOther = ["-connect", other.address, version];
      assert.equal(await probeByOpenssl([...toOther, ...eveArgs, "-sess_out", session]), true);
      const toServer = ["-connect", server.address, version];
      assert.equal(await probeByOpenssl([...toServer, "-sess_in", session]), false);
      assert.match(server.refusals.join(), /not verified here/);
    },
  );
}

tlsTest("a client certificate of version 1 is refused, even an authority's own", async (made) => {
  // Of version 1, as old tools make them: Deno takes such a one without a proof of the key.
  const dir = await Deno.makeTempDir({ dir: made.dir });
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=old".split(" ");
  await runCommand("openssl", {
    args: ["req", "-new", ...key, "-keyout", `${dir}/key`, "-out", `${dir}/csr`],
  });
  await runCommand("openssl", {
    args: ["x509", "-req", "-in", `${dir}/csr`, "-signkey", `${dir}/key`, "-out", `${dir}/cert`],
  });
  const bundle = `${dir}/bundle`;
  const certificates = [`${dir}/cert`, made.authority.cert].map((path) =>
    Deno.readTextFileSync(path)
  );
  await Deno.writeTextFile(bundle, certificates.join(""));
  await using server = await start(made, { tls: { trustedCaFile: bundle } });
  const options = { port: server.listener.port, ca: made.authority.cert };
  const old = { cert: `${dir}/cert`, key: `${dir}/key` };
  assert.equal((await probe({ ...options, client: old })).isServed, false);
  assert.equal((await probe({ ...options, client: made.alice })).isServed, true);
});
