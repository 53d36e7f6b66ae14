import assert from "node:assert/strict";
import { autoTlsFiles } from "./auto_tls.ts";
import type { ListenUrl } from "./config.ts";
import { readCertificate } from "./transport/tls/certificate.ts";
import { pemBlocks } from "./transport/tls/pem.ts";

const NOW_MS = Date.parse("2026-11-25T12:00:00Z");
const URLS: readonly ListenUrl[] = [
  { scheme: "https", host: "192.0.2.7", port: 2379 },
  { scheme: "https", host: "etcd.example", port: 0 },
  { scheme: "unixs", host: "/run/x", port: 0 },
];

const THREAD = new URL("./testing/auto_tls_worker.ts", import.meta.url);
const THREADS = 4;
const ROUNDS = 10;

/** What a thread says next. */
function answerOf(thread: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    thread.onmessage = ({ data }) => resolve(data);
    thread.onerror = (event) => reject(event.error ?? new Error(event.message));
  });
}

function make(dataFolder: string, { nowMs = NOW_MS, urls = URLS } = {}) {
  const files = autoTlsFiles({ dataFolder, urls, validityYears: 1, nowMs, log: () => {} });
  const cert = Deno.readTextFileSync(files.certFile);
  const [bytes = new Uint8Array()] = pemBlocks(cert, "CERTIFICATE");
  return { ...files, cert, facts: readCertificate(bytes) };
}

Deno.test("autoTlsFiles() makes a certificate once, for what the server is called", async () => {
  const dataFolder = await Deno.makeTempDir();
  const first = make(dataFolder);
  assert.equal(first.certFile, `${dataFolder}/fixtures/client/cert.pem`);
  assert.deepEqual(first.facts.dnsNames, ["etcd.example"]);
  assert.deepEqual([...first.facts.ipAddresses[0] ?? []], [192, 0, 2, 7]);
  assert.equal(make(dataFolder).cert, first.cert);
  await Deno.remove(dataFolder, { recursive: true });
});

Deno.test("autoTlsFiles() makes another one when it has expired, is broken, or its key is gone", async () => {
  const dataFolder = await Deno.makeTempDir();
  const certs = [make(dataFolder).cert];
  certs.push(make(dataFolder, { nowMs: NOW_MS + 366 * 86_400_000 }).cert);
  await Deno.writeTextFile(make(dataFolder).certFile, "broken");
  certs.push(make(dataFolder).cert);
  await Deno.remove(make(dataFolder).keyFile);
  certs.push(make(dataFolder).cert);
  assert.equal(new Set(certs).size, 4);
  await Deno.remove(dataFolder, { recursive: true });
});

Deno.test("autoTlsFiles() gives all who ask in the same instant one certificate and its key", async () => {
  const threads = Array.from({ length: THREADS }, () => new Worker(THREAD, { type: "module" }));
  try {
    await Promise.all(threads.map(answerOf));
    for (let round = 0; round < ROUNDS; round++) {
      const dataFolder = await Deno.makeTempDir();
      const answers = threads.map(answerOf);
      for (const thread of threads) thread.postMessage(dataFolder);
      const [first, ...others] = await Promise.all(answers);
      assert.match(String(first), /^-----BEGIN CERTIFICATE/);
      for (const other of others) assert.equal(other, first);
      await Deno.remove(dataFolder, { recursive: true });
    }
  } finally {
    for (const thread of threads) thread.terminate();
  }
});

Deno.test("a server that listens everywhere has the names of its own machine in the certificate", async () => {
  const dataFolder = await Deno.makeTempDir();
  const { facts } = make(dataFolder, { urls: [{ scheme: "https", host: "0.0.0.0", port: 1 }] });
  assert.ok(facts.dnsNames.includes("localhost"));
  assert.equal(facts.ipAddresses.length, 3);
  await Deno.remove(dataFolder, { recursive: true });
});

Deno.test("autoTlsFiles() says in one line where it cannot write", async () => {
  const file = await Deno.makeTempFile();
  assert.throws(() => make(file), {
    message: `--auto-tls: cannot write the certificate to ${file}/fixtures/client`,
  });
  await Deno.remove(file);
});
