import assert from "node:assert/strict";
import { makeSelfSigned } from "./self_signed.ts";
import { TlsFiles } from "./tls_files.ts";

interface Files extends AsyncDisposable {
  readonly names: {
    certFile: string;
    keyFile: string;
    trustedCaFile: string;
    clientCrlFile: string;
  };
  readonly troubles: string[];
  /** Goes far enough at each look. */
  now(): number;
  open(): TlsFiles;
  write(name: "certFile" | "keyFile" | "trustedCaFile" | "clientCrlFile", text: string): void;
}

function makePair() {
  return makeSelfSigned({ hosts: ["localhost"], validityYears: 1, nowMs: Date.now() });
}

async function makeFiles(): Promise<Files> {
  const dir = await Deno.makeTempDir({ prefix: "rhino-tls-" });
  const names = {
    certFile: `${dir}/cert`,
    keyFile: `${dir}/key`,
    trustedCaFile: "",
    clientCrlFile: "",
  };
  const troubles: string[] = [];
  let nowMs = 0;
  const now = () => nowMs += 1_000;
  return {
    names,
    troubles,
    now,
    open: () => new TlsFiles({ names, now, onTrouble: (message) => troubles.push(message) }),
    write: (name, text) => Deno.writeTextFileSync(names[name], text),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

Deno.test("TlsFiles names the flag and the file that cannot be used", async () => {
  await using files = await makeFiles();
  const { names } = files;
  const one = makePair();
  const fails = (message: string) => assert.throws(() => files.open(), { message });
  fails(`--cert-file ${names.certFile}: no such file`);
  files.write("certFile", "no certificate");
  fails(`--cert-file ${names.certFile}: holds no certificate as PEM, or a broken one`);
  files.write("certFile", one.cert.replace("MII", "MIJ"));
  fails(`--cert-file ${names.certFile}: holds no certificate as PEM, or a broken one`);
  files.write("certFile", one.cert);
  fails(`--key-file ${names.keyFile}: no such file`);
  files.write("keyFile", one.cert);
  fails(
    `--key-file ${names.keyFile}: holds no private key as PEM that can be used without a passphrase`,
  );
  files.write("keyFile", makePair().key);
  fails(
    `--key-file ${names.keyFile}: the key does not belong to the certificate of --cert-file ${names.certFile}`,
  );
  files.write("keyFile", one.key);
  names.trustedCaFile = names.keyFile;
  fails(`--trusted-ca-file ${names.keyFile}: holds no certificate as PEM, or a broken one`);
  names.trustedCaFile = "";
  names.clientCrlFile = names.certFile;
  fails(`--client-crl-file ${names.certFile}: holds no revocation list`);
});

Deno.test("TlsFiles takes over a new pair as soon as both files are there, and tells once why not", async () => {
  await using files = await makeFiles();
  const [one, other] = [makePair(), makePair()];
  files.write("certFile", one.cert);
  files.write("keyFile", one.key);
  const open = files.open();
  open.refresh();
  assert.equal(open.generation, 0);
  files.write("certFile", other.cert);
  for (let look = 0; look < 3; look++) open.refresh();
  assert.equal(open.identity.cert.toString(), one.cert);
  assert.equal(files.troubles.length, 1);
  assert.match(files.troubles[0] ?? "", /does not belong/);
  files.write("keyFile", other.key);
  open.refresh();
  assert.equal(open.identity.cert.toString(), other.cert);
  assert.equal(open.generation, 1);
  await Deno.remove(files.names.certFile);
  open.refresh();
  assert.equal(open.identity.cert.toString(), other.cert);
  assert.match(files.troubles[1] ?? "", /no such file/);
});

Deno.test("TlsFiles takes all certificates for revoked while the list cannot be read", async () => {
  await using files = await makeFiles();
  const { names } = files;
  const one = makePair();
  files.write("certFile", one.cert);
  files.write("keyFile", one.key);
  assert.equal(files.open().isRevoked("1"), false);
  names.clientCrlFile = `${names.certFile}.crl`;
  // An empty list: signature's algorithm, issuer, time; no entries.
  const empty = Uint8Array.from([
    ...[0x30, 23, 0x30, 19, 0x30, 0, 0x30, 0, 0x17, 13],
    ...new TextEncoder().encode("260101000000Z"),
    ...[0x30, 0],
  ]);
  Deno.writeFileSync(names.clientCrlFile, empty);
  const open = files.open();
  assert.equal(open.isRevoked("1"), false);
  Deno.removeSync(names.clientCrlFile);
  open.refresh();
  assert.equal(open.isRevoked("1"), true);
  Deno.writeFileSync(names.clientCrlFile, empty);
  open.refresh();
  assert.equal(open.isRevoked("1"), false);
  assert.equal(files.troubles.length, 1);
});
