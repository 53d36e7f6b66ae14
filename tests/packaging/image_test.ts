/** The image of the Dockerfile, built and run without an engine: its steps by hand, its containers by util-linux. */

import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { temporaryFolder } from "../cli/rhino_process.ts";
import { makeCertificates } from "../support/certificates.ts";
import { runCommand } from "../support/databases/client_command.ts";
import { oracleTools, whyNoOracle } from "../support/oracle.ts";
import { ROOT } from "../tidy/source_tree.ts";
import { Container } from "./container.ts";
import { buildImage, type Image } from "./image.ts";
import { whyNoContainers } from "./namespaces.ts";
import { workerModules } from "./worker_modules.ts";

const WHY_NOT = whyNoContainers() ?? await whyNoOracle();

async function folder(parent: string, name: string): Promise<string> {
  const path = `${parent}/${name}`;
  await Deno.mkdir(path);
  return path;
}

Deno.test({
  name: `the image: built by its Dockerfile${WHY_NOT ? ` (ignored: ${WHY_NOT})` : ""}`,
  ignore: WHY_NOT !== undefined,
  async fn(test) {
    await using temporary = await temporaryFolder();
    await Deno.chmod(temporary.path, 0o755);
    const dir = await folder(temporary.path, "image");
    const image = await buildImage(ROOT, dir);
    const volume = () => Deno.makeTempDir({ dir: temporary.path });
    assert.deepEqual(image.volumes, ["/data"]);
    assert.deepEqual(image.ports, ["2379", "2381"]);
    assert.notEqual(image.user.uid, 0);
    assert.equal(image.labels["org.opencontainers.image.version"], project.version);
    assert.equal(image.labels["org.opencontainers.image.licenses"], project.license);
    await test.step("serves, with nothing but /data to write to and no network", async () => {
      await everyKindOfWork(image, await volume());
    });
    await test.step("takes arguments, and is found by its health check whatever they are", async () => {
      await otherArguments(image, await volume());
    });
    await test.step("has every backend and subcommand with it", async () => {
      await offlineModules(image, await volume());
    });
    await test.step("reads certificates below /etc/rhino, and no other files", async () => {
      await certificates(image, await volume());
    });
  },
});

async function everyKindOfWork(image: Image, volume: string): Promise<void> {
  const { etcdctl, etcdutl } = await oracleTools();
  // A machine with much to do is slow, and that is warned about.
  const args = ["--warning-unary-request-duration=1h"];
  await using container = await Container.start({ image, volume, args });
  await container.address();
  const ctl = async (args: readonly string[], input?: Uint8Array<ArrayBuffer>) => {
    const result = await container.client([etcdctl, "--endpoints=127.0.0.1:2379", ...args], input);
    assert.equal(result.code, 0, result.stderr);
    return result.stdout;
  };
  await ctl(["put", "a", "1"]);
  assert.equal(await ctl(["get", "a"]), "a\n1\n");
  // A password is hashed by a Worker, and more than a checkpoint starts at is written, which is another's work.
  assert.equal(await ctl(["user", "add", "alice:secret"]), "User alice created\n");
  const value = new Uint8Array(1_000_000).fill(0x61);
  for (let count = 0; count < 10; count++) await ctl(["put", "large"], value);
  await ctl(["snapshot", "save", `${volume}/snapshot.db`]);
  await runCommand(etcdutl, { args: ["snapshot", "status", `${volume}/snapshot.db`] });
  const health = await container.exec(image.healthcheck);
  assert.equal(health.code, 0, health.stderr);
  assert.match(health.stdout, /^http:\/\/127\.0\.0\.1:2381\/health is healthy: 200 /);
  assert.ok((await Deno.stat(`${volume}/db/state.db`)).isFile);
  assert.equal(Deno.statSync(`${volume}/db/state.db`).uid, image.user.uid);
  assert.equal(await container.stop(), 0);
  assert.deepEqual(container.lines.filter((line) => / (WARN|ERROR) /.test(line)), []);

  await using again = await Container.start({ image, volume });
  await again.address();
  const read = await again.client([etcdctl, "--endpoints=127.0.0.1:2379", "get", "a"]);
  assert.equal(read.stdout, "a\n1\n");
}

async function otherArguments(image: Image, volume: string): Promise<void> {
  const args = ["--listen-address=0.0.0.0:4001", "--endpoint=other.db"];
  await using container = await Container.start({ image, volume, args });
  assert.equal(await container.address(), "0.0.0.0:4001");
  assert.equal((await container.exec(image.healthcheck)).code, 0);
  assert.ok((await Deno.stat(`${volume}/other.db`)).isFile, "a relative path is below /data");
  container.signal("SIGSTOP");
  const hung = await container.exec(image.healthcheck);
  assert.equal(hung.code, 1);
  assert.match(hung.stderr, /is unhealthy/);
}

async function offlineModules(image: Image, volume: string): Promise<void> {
  const cases: readonly (readonly [args: string[], output: RegExp])[] = [
    [["--version"], /^rhino Version: /m],
    [["--endpoint=postgres://u:p@127.0.0.1/d", "--print-schema"], /CREATE TABLE/],
    [["--endpoint=mysql://u:p@127.0.0.1/d", "--print-schema"], /CREATE TABLE/],
  ];
  for (const [args, output] of cases) {
    const { code, stdout, stderr } = await Container.run({ image, volume, args });
    assert.equal(code, 0, stderr);
    assert.match(stdout, output);
  }
  // What is imported only when it is asked for is there as well: subcommands, backends, Workers.
  await using container = await Container.start({ image, volume, args: ["--endpoint=memory://"] });
  await container.address();
  for (const path of ["src/main.ts", ...workerModules()]) {
    const info = ["deno", "info", "--json", "--config=/app/deno.json", `/app/${path}`];
    const { code, stdout, stderr } = await container.exec(info);
    assert.equal(code, 0, stderr);
    const { modules } = JSON.parse(stdout) as {
      readonly modules: readonly { readonly specifier: string; readonly error?: string }[];
    };
    assert.ok(modules.some(({ specifier }) => specifier === `file:///app/${path}`));
    assert.deepEqual(modules.filter(({ error }) => error !== undefined), []);
  }
}

async function certificates(image: Image, volume: string): Promise<void> {
  await using made = await makeCertificates();
  await Deno.chmod(made.dir, 0o755);
  for (const path of [made.server.cert, made.server.key]) await Deno.chmod(path, 0o644);
  const place = "/etc/rhino/tls";
  const args = [`--cert-file=${place}/server.pem`, `--key-file=${place}/server.key`];
  const mounts = { [place]: made.authority.dir };
  const env = { RHINO_TRUSTED_CA_FILE: `${place}/ca.pem` };
  {
    await using container = await Container.start({ image, volume, args, env, mounts });
    await container.address();
    const health = await container.exec(image.healthcheck);
    assert.equal(health.code, 0, health.stderr);
  }
  const elsewhere = { "/srv/tls": made.authority.dir };
  const refused = await Container.run({
    image,
    volume,
    args: args.map((arg) => arg.replace(place, "/srv/tls")),
    mounts: elsewhere,
  });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Requires read access to "\/srv\/tls/);
}
