import assert from "node:assert/strict";
import { createLog, RhinoServer } from "../../src/mod.ts";
import { open as openMemory } from "../../backends/memory/mod.ts";
import { CONTRACT_VERSION, type OpenOptions } from "../../backends/contract.ts";
import { makeCertificates, whyNoCertificates } from "../support/certificates.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { freePort } from "../support/free_port.ts";
import { runProgram } from "./program.ts";

async function health(url: string): Promise<string> {
  const response = await fetch(`${url}/health`);
  return await response.text();
}

Deno.test("RhinoServer tells where it listens, with actual ports", async () => {
  await using server = await RhinoServer.start({
    endpoint: "memory://",
    listenClientUrls: "127.0.0.1:0",
    listenMetricsUrls: ["http://127.0.0.1:0"],
  });
  const [client, metrics] = server.urls;
  assert.deepEqual(server.urls.map(({ serves }) => serves), ["grpc+http", "metrics"]);
  assert.equal(server.address, `127.0.0.1:${client?.port}`);
  assert.equal(server.url, `http://${server.address}`);
  assert.notEqual(client?.port, 0);
  assert.match(await health(`http://127.0.0.1:${metrics?.port}`), /"health":"true"/);
});

Deno.test("RhinoServer listens on this machine alone unless it is told otherwise", async () => {
  await using server = await RhinoServer.start({ endpoint: "memory://" });
  assert.deepEqual(server.urls.map(({ host }) => host), ["127.0.0.1"]);
});

Deno.test("RhinoServer.close() may be called again, and cuts what is open", async () => {
  const server = await RhinoServer.start({ endpoint: "memory://" });
  using client = new EtcdClient(server.address);
  await using watch = client.watch.watch();
  await watch.send({
    requestUnion: { case: "createRequest", value: { key: new Uint8Array([1]) } },
  });
  await watch.next();
  await Promise.all([server.close(), server.close()]);
  await server.close();
  await server[Symbol.asyncDispose]();
  await assert.rejects(fetch(`${server.url}/health`));
});

Deno.test("RhinoServer writes no line unless it is given a log, which gets them all", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "json", write: (line) => lines.push(line) });
  await using _server = await RhinoServer.start({ endpoint: "memory://", log });
  assert.ok(lines.some((line) => line.includes(`"msg":"listening"`)));

  const code = `
    import { RhinoServer } from "@rhino/rhino";
    const server = await RhinoServer.start({ endpoint: "memory://" });
    await server.close();`;
  const { stdout, stderr, code: exit } = await runProgram({ code });
  assert.deepEqual([stdout, stderr, exit], ["", "", 0]);
});

Deno.test("RhinoServer goes on although its log fails", async () => {
  const log = () => {
    throw new Error("no space for lines");
  };
  await using server = await RhinoServer.start({ endpoint: "memory://", log });
  assert.match(await health(server.url), /true/);
});

Deno.test("RhinoServer leaves the signals of the process alone", async () => {
  const code = `
    import { RhinoServer } from "@rhino/rhino";
    await using server = await RhinoServer.start({ endpoint: "memory://" });
    Deno.kill(Deno.pid, "SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 20_000));`;
  const { signal } = await runProgram({ code });
  assert.equal(signal, "SIGTERM");
});

Deno.test("a start that fails leaves nothing open, whatever it fails at", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const folder = await Deno.makeTempDir();
  const listenClientUrls = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${taken.addr.port}`];
  const endpoint = `${folder}/state.db`;
  await assert.rejects(RhinoServer.start({ endpoint, listenClientUrls }), {
    message: /^Cannot listen on 127\.0\.0\.1:\d+: address already in use$/,
  });
  taken.close();
  // Neither the file nor the first port is held.
  await using _server = await RhinoServer.start({ endpoint, listenClientUrls });

  await Deno.writeTextFile(
    `${folder}/text.db`,
    "no database, and longer than a header of SQLite's".repeat(9),
  );
  await assert.rejects(RhinoServer.start({ endpoint: `${folder}/text.db` }), {
    name: "BackendError",
    kind: "unusable",
  });
  const dsn = `postgres://rhino:secret@127.0.0.1:${await freePort()}/rhino`;
  await assert.rejects(RhinoServer.start({ endpoint: dsn }), (error: Error) => {
    assert.equal(error.name, "BackendError");
    assert.doesNotMatch(error.message, /secret|\n/);
    return true;
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("what cannot be used is named as the option, not as the flag", async () => {
  const options = { endpoint: "memory://", listenClientUrls: "https://127.0.0.1:0" };
  await assert.rejects(RhinoServer.start(options), { message: /\(certFile, keyFile\) must be/ });
  const files = { ...options, certFile: "/no/cert", keyFile: "/no/key" };
  await assert.rejects(RhinoServer.start(files), { message: "certFile /no/cert: no such file" });
});

Deno.test({
  name: "RhinoServer serves TLS where it has a certificate and no scheme was said",
  ignore: whyNoCertificates() !== undefined,
  async fn() {
    await using certificates = await makeCertificates();
    const { server: { cert, key }, authority } = certificates;
    const files = { certFile: cert, keyFile: key };
    await using server = await RhinoServer.start({ endpoint: "memory://", ...files });
    assert.match(server.url, /^https:/);
    const caCerts = [await Deno.readTextFile(authority.cert)];
    using client = Deno.createHttpClient({ caCerts });
    const response = await fetch(`${server.url}/health`, { client });
    assert.match(await response.text(), /true/);
  },
});

Deno.test("a module that the program brings serves its scheme", async () => {
  const opened: string[] = [];
  const module = {
    contractVersion: CONTRACT_VERSION,
    open(endpoint: string, options: OpenOptions) {
      opened.push(endpoint);
      return openMemory("memory://", options);
    },
  };
  const backends = { mine: module };
  await using server = await RhinoServer.start({ endpoint: "mine://somewhere", backends });
  assert.deepEqual(opened, ["mine://somewhere"]);
  using client = new EtcdClient(server.address);
  await client.kv.put({ key: "a", value: "1" });
});
