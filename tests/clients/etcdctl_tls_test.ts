import assert from "node:assert/strict";
import { makeCertificates } from "../support/certificates.ts";
import { oracleTools, whyNoOracle } from "../support/oracle.ts";
import { startTlsServer, tlsTest } from "../support/tls_server.ts";
import { Etcdctl } from "./etcdctl.ts";

const WHY_NO_ETCDCTL = await whyNoOracle();
const skips = WHY_NO_ETCDCTL === undefined ? {} : { rhino: WHY_NO_ETCDCTL };

tlsTest("etcdctl over TLS: what the certificates allow", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, impostor, alice, dir } = certificates;
  const forged = await impostor.issue("forged", { commonName: "alice", kind: "client" });
  const { der } = await authority.revoke(
    await authority.issue("bob", { commonName: "bob", kind: "client" }),
  );
  const bob = { cert: `${authority.dir}/bob.pem`, key: `${authority.dir}/bob.key` };
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    trustedCaFile: authority.cert,
    clientCertAuth: true,
    clientCrlFile: der,
    dataDir: `${dir}/data`,
  });
  const { etcdctl } = await oracleTools();
  const ctl = new Etcdctl(etcdctl, `https://127.0.0.1:${server.port}`);
  const withCertificate = ({ cert, key }: typeof alice) => [
    `--cacert=${authority.cert}`,
    `--cert=${cert}`,
    `--key=${key}`,
    "--command-timeout=1s",
  ];
  assert.equal(await ctl.ok([...withCertificate(alice), "put", "a", "1"]), "OK\n");
  assert.equal(await ctl.ok([...withCertificate(alice), "get", "a"]), "a\n1\n");
  const members = await ctl.ok([...withCertificate(alice), "member", "list"]);
  assert.ok(members.includes(`https://127.0.0.1:${server.port}`), members);
  const refused = [
    withCertificate(forged),
    withCertificate(bob),
    [`--cacert=${authority.cert}`, "--command-timeout=1s"],
    [...withCertificate(alice), `--cacert=${impostor.cert}`],
  ];
  for (const flags of refused) {
    assert.match(await ctl.fails([...flags, "get", "a"]), /context deadline exceeded/);
  }
}, { skips });

tlsTest("etcdctl over TLS: large values and many events arrive whole", async (target) => {
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, dir } = certificates;
  await using server = await startTlsServer(target, {
    certFile: cert,
    keyFile: key,
    dataDir: `${dir}/data`,
  });
  const { etcdctl } = await oracleTools();
  const ctl = new Etcdctl(etcdctl, `https://127.0.0.1:${server.port}`);
  const cacert = `--cacert=${authority.cert}`;
  const value = "0123456789".repeat(100_000);
  for (let i = 0; i < 20; i++) await ctl.ok([cacert, "put", `large/${i}`], { stdin: value });
  const all = await ctl.ok([cacert, "get", "--prefix", "large/", "--print-value-only"]);
  assert.equal(all, `${value}\n`.repeat(20));
  await using watch = ctl.spawn([cacert, "watch", "--prefix", "large/", "--rev=1"]);
  for (let i = 0; i < 20; i++) assert.equal((await watch.lines(3))[2], value);
}, { skips });

tlsTest("etcdctl over a Unix socket", async (target) => {
  const dir = await Deno.makeTempDir();
  const unixPath = `${dir}/client.sock`;
  {
    await using _server = await startTlsServer(target, {
      dataDir: `${dir}/data`,
      scheme: "http",
      unixPath,
    });
    const { etcdctl } = await oracleTools();
    const ctl = new Etcdctl(etcdctl, `unix://${unixPath}`);
    assert.equal(await ctl.ok(["put", "a", "1"]), "OK\n");
    assert.equal(await ctl.ok(["get", "a"]), "a\n1\n");
    assert.ok((await ctl.ok(["member", "list"])).includes(`unix://${unixPath}`));
  }
  await Deno.remove(dir, { recursive: true });
}, { skips });
