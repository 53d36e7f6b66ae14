import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { makeCertificates } from "../support/certificates.ts";
import { eventually } from "../support/polling.ts";
import { startTlsServer, tlsTest } from "../support/tls_server.ts";
import { openPlain, openTls, probe, probeSocket, untilClosed } from "../support/tls_probe.ts";

/** Files are looked at again after a moment. */
const RELOAD = { timeoutMs: 10_000 } as const;

tlsTest("TLS: a client that trusts the authority is served, another one is not", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, impostor, dir } = certificates;
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    dataDir: `${dir}/data`,
  });
  const { port } = server;
  const good = await probe({ port, ca: authority.cert });
  assert.deepEqual([good.isServed, good.protocol], [true, "TLSv1.3"]);
  assert.equal((await probe({ port, ca: impostor.cert })).isServed, false);
});

tlsTest("TLS: client certificates are asked for and verified", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, impostor, alice, dir } = certificates;
  const bob = { commonName: "bob", kind: "client" } as const;
  const expired = await authority.issue("expired", { ...bob, end: "20210101000000Z" });
  const wrongPurpose = await authority.issue("purpose", { ...bob, kind: "server" });
  const forged = await impostor.issue("forged", { ...bob, commonName: "alice" });
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    trustedCaFile: authority.cert,
    clientCertAuth: true,
    dataDir: `${dir}/data`,
  });
  const { port } = server;
  const isServed = async (client?: typeof alice) =>
    (await probe({ port, ca: authority.cert, client })).isServed;
  assert.equal(await isServed(alice), true);
  assert.equal(await isServed(), false, "without a certificate");
  assert.equal(await isServed(expired), false, "with an expired one");
  assert.equal(await isServed(wrongPurpose), false, "with a server's");
  assert.equal(await isServed(forged), false, "with one of another authority");
  const version12 = { maxVersion: "TLSv1.2", minVersion: "TLSv1.2" } as const;
  for (const [client, expected] of [[alice, true], [forged, false], [undefined, false]] as const) {
    const { isServed } = await probe({ port, ca: authority.cert, client, settings: version12 });
    assert.equal(isServed, expected, "over TLS 1.2");
  }
});

tlsTest("TLS: an authority for clients is enough to ask for certificates", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, alice, dir } = certificates;
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    trustedCaFile: authority.cert,
    dataDir: `${dir}/data`,
  });
  const options = { port: server.port, ca: authority.cert };
  assert.equal((await probe(options)).isServed, false);
  assert.equal((await probe({ ...options, client: alice })).isServed, true);
});

tlsTest("TLS: a revoked certificate is refused, also once the list has changed", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, alice, dir } = certificates;
  const bob = await authority.issue("bob", { commonName: "bob", kind: "client" });
  const { der } = await authority.revoke(bob);
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    trustedCaFile: authority.cert,
    clientCertAuth: true,
    clientCrlFile: der,
    dataDir: `${dir}/data`,
  });
  const { port } = server;
  const isServed = async (client: typeof alice) =>
    (await probe({ port, ca: authority.cert, client })).isServed;
  assert.equal(await isServed(alice), true);
  assert.equal(await isServed(bob), false);
  await authority.revoke(alice);
  await eventually("the list is read again", async () => !await isServed(alice), RELOAD);
});

tlsTest("TLS: a client's certificate must hold an allowed name", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, alice, dir } = certificates;
  const bob = await authority.issue("bob", {
    commonName: "alice.example",
    kind: "client",
    names: "DNS:bob.example",
  });
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    trustedCaFile: authority.cert,
    clientCertAuth: true,
    clientCertAllowedHostnames: ["carol.example", "alice.example"],
    dataDir: `${dir}/data`,
  });
  const options = { port: server.port, ca: authority.cert };
  assert.equal((await probe({ ...options, client: alice })).isServed, true);
  assert.equal((await probe({ ...options, client: bob })).isServed, false);
});

tlsTest("TLS: versions and cipher suites are kept to", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, dir } = certificates;
  const files = { certFile: cert, keyFile: key };
  {
    await using server = await startTlsServer(target, {
      ...files,
      tlsMaxVersion: "TLS1.2",
      // etcd wants the first of them for HTTP/2.
      cipherSuites: [
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
      ],
      dataDir: `${dir}/data12`,
    });
    const { isServed, protocol, cipher } = await probe({ port: server.port, ca: authority.cert });
    assert.deepEqual([isServed, protocol], [true, "TLSv1.2"]);
    assert.match(cipher ?? "", /^ECDHE-ECDSA-AES(128|256)-GCM/);
  }
  await using server = await startTlsServer(target, {
    ...files,
    tlsMinVersion: "TLS1.3",
    dataDir: `${dir}/data13`,
  });
  const options = { port: server.port, ca: authority.cert };
  assert.equal((await probe(options)).protocol, "TLSv1.3");
  assert.equal((await probe({ ...options, settings: { maxVersion: "TLSv1.2" } })).isServed, false);
});

tlsTest("TLS: a cipher suite that is not allowed is never used", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, dir } = certificates;
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    tlsMaxVersion: "TLS1.2",
    // Of certificates with another kind of key than the server's.
    cipherSuites: ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
    dataDir: `${dir}/data`,
  });
  assert.equal((await probe({ port: server.port, ca: authority.cert })).isServed, false);
});

tlsTest(
  "TLS: new connections get a certificate that was replaced, old ones live on",
  async (target) => {
    await using certificates = await makeCertificates();
    const { server: { cert, key }, authority, dir } = certificates;
    const certFile = `${dir}/cert.pem`;
    const keyFile = `${dir}/key.pem`;
    await Deno.copyFile(cert, certFile);
    await Deno.copyFile(key, keyFile);
    await using server = await startTlsServer(target, {
      certFile,
      keyFile,
      dataDir: `${dir}/data`,
    });
    const options = { port: server.port, ca: authority.cert };
    const old = openTls(options);
    const { serial } = await probeSocket(old);
    const next = await authority.issue("next", {
      commonName: "next",
      kind: "server",
      names: "IP:127.0.0.1",
    });
    await Deno.copyFile(next.cert, certFile);
    await Deno.copyFile(next.key, keyFile);
    await eventually("the new certificate is shown", async () => {
      const renewed = await probe(options);
      return renewed.isServed && renewed.serial !== serial;
    }, RELOAD);
    // An HTTP/2 ping, which the server must answer.
    const answer = new Promise<void>((resolve) => {
      old.on("data", (chunk: Buffer) => {
        if (chunk.includes("it lives")) resolve();
      });
    });
    old.write(Buffer.concat([Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0]), Buffer.from("it lives")]));
    await answer;
    old.destroy();
  },
);

tlsTest(
  "TLS: plain text on its port, and TLS on a plain port, end the connection",
  async (target) => {
    await using certificates = await makeCertificates();
    const { server: { cert, key }, authority, dir } = certificates;
    await using server = await startTlsServer(target, {
      certFile: cert,
      keyFile: key,
      dataDir: `${dir}/data`,
    });
    for (
      const text of ["GET /health HTTP/1.1\r\nhost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    ) {
      const socket = await openPlain(server.port);
      socket.write(text);
      const received = await untilClosed(socket);
      assert.equal(received.includes("HTTP/1.1 200"), false);
    }
    await using plain = await startTlsServer(target, { dataDir: `${dir}/plain`, scheme: "http" });
    assert.equal((await probe({ port: plain.port, ca: authority.cert })).isServed, false);
  },
);

tlsTest(
  "TLS: --auto-tls makes a certificate where etcd keeps it, and keeps to it",
  async (target) => {
    await using certificates = await makeCertificates();
    const dataDir = `${certificates.dir}/data`;
    const ca = `${dataDir}/fixtures/client/cert.pem`;
    let serial: string | undefined;
    for (let start = 0; start < 2; start++) {
      await using server = await startTlsServer(target, { autoTls: true, dataDir });
      // Self-signed, so that clients can take it for the authority.
      const found = await probe({ port: server.port, ca });
      assert.equal(found.isServed, true);
      assert.equal(found.serial, serial ?? found.serial);
      serial = found.serial;
    }
    const { mode } = await Deno.stat(`${dataDir}/fixtures/client/key.pem`);
    assert.equal((mode ?? 0) & 0o777, 0o600);
  },
);
