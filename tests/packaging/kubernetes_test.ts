/** The manifests: read strictly into Kubernetes' own types, and their containers' arguments and probes run. */

import assert from "node:assert/strict";
import { parseCommand } from "../../src/cli/command.ts";
import { RhinoProcess, temporaryFolder } from "../cli/rhino_process.ts";
import { postgresDatabase, whyNoPostgres } from "../support/databases/shared_database.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { freePorts } from "../support/free_port.ts";
import { readText } from "../tidy/source_tree.ts";
import { readDockerfile } from "./dockerfile.ts";
import { type Container, readManifests, whyNoValidators } from "./validators.ts";

const ON_POSTGRES = "packaging/kubernetes.yaml";
const ON_SQLITE = "packaging/kubernetes.sqlite.yaml";
const WHY_NOT = await whyNoValidators();

async function containerIn(path: string): Promise<Container> {
  const objects = await readManifests(path);
  const [workload] = objects.filter(({ spec }) => spec.template !== undefined);
  const container = workload?.spec.template?.spec.containers[0];
  assert.ok(container !== undefined);
  return container;
}

/** The arguments as the kubelet gives them. */
function expanded({ args, env }: Container): string[] {
  const names = env.map(({ name }) => name);
  return args.map((arg) =>
    arg.replaceAll(/\$\((\w+)\)/g, (_, name) => {
      assert.ok(names.includes(name), `${name} is not set`);
      return name === "POD_IP" ? "10.0.0.7" : "rhino-0";
    })
  );
}

for (const path of [ON_POSTGRES, ON_SQLITE]) {
  Deno.test({
    name: `${path}: Kubernetes' types hold it, and Rhino takes the arguments${
      WHY_NOT ? ` (ignored: ${WHY_NOT})` : ""
    }`,
    ignore: WHY_NOT !== undefined,
    async fn() {
      const container = await containerIn(path);
      const command = parseCommand({ args: expanded(container), env: {} });
      assert.ok(command.name === "serve");
      const { listenClientUrls, listenMetricsUrls } = command.config;
      const ports = [...listenClientUrls, ...listenMetricsUrls].map(({ port }) => port);
      assert.deepEqual(container.ports.map(({ containerPort }) => containerPort), ports);
      assert.equal(container.securityContext.readOnlyRootFilesystem, true);
      // What the image's rights reach.
      const [, readable = ""] = /--allow-read=([^"]+)"/.exec(readText("Dockerfile")) ?? [];
      for (const { mountPath } of container.volumeMounts) {
        const isReadable = (place: string) => `${mountPath}/`.startsWith(`${place}/`);
        assert.ok(readable.split(",").some(isReadable), mountPath);
      }
      const user = readDockerfile(readText("Dockerfile")).at(-1)?.steps
        .find(({ keyword }) => keyword === "USER")?.text;
      assert.equal(user, "65532:65532");
      assert.ok(readText(path).includes("runAsUser: 65532"));
      await using folder = await temporaryFolder();
      const wrong = `${folder.path}/wrong.yaml`;
      await Deno.writeTextFile(wrong, readText(path).replace("resources:", "resource:"));
      await assert.rejects(
        readManifests(wrong),
        /unknown field "spec.template.spec.containers\[0\]/,
      );
    },
  });
}

/** Starts a container's server, and asks what the kubelet asks. */
async function assertProbed(container: Container, endpoint: string): Promise<void> {
  const [port, metricsPort] = await freePorts(2);
  const args = expanded(container).map((arg) =>
    arg.startsWith("--endpoint=")
      ? `--endpoint=${endpoint}`
      : arg.replace(/0\.0\.0\.0:2379$/, `127.0.0.1:${port}`)
        .replace(/0\.0\.0\.0:2381$/, `127.0.0.1:${metricsPort}`)
  );
  await using rhino = new RhinoProcess({ args });
  await rhino.line("ready to serve client requests");
  const { startupProbe, livenessProbe, readinessProbe } = container;
  for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) {
    assert.equal(httpGet.port, "metrics");
    const answer = await fetch(`http://127.0.0.1:${metricsPort}${httpGet.path}`);
    assert.equal(answer.status, 200, `${httpGet.path}: ${await answer.text()}`);
  }
  using client = new EtcdClient(`127.0.0.1:${port}`);
  const { members } = await client.cluster.memberList({});
  assert.deepEqual(members.map(({ name }) => name), ["rhino-0"]);
  rhino.kill("SIGTERM");
  assert.equal((await rhino.status()).code, 0);
}

Deno.test({
  name: `${ON_SQLITE}: its probes find the server${WHY_NOT ? ` (ignored: ${WHY_NOT})` : ""}`,
  ignore: WHY_NOT !== undefined,
  async fn() {
    await using folder = await temporaryFolder();
    await assertProbed(await containerIn(ON_SQLITE), `${folder.path}/db/state.db`);
  },
});

const WHY_NOT_POSTGRES = WHY_NOT ?? whyNoPostgres();

Deno.test({
  name: `${ON_POSTGRES}: its probes find the server${
    WHY_NOT_POSTGRES ? ` (ignored: ${WHY_NOT_POSTGRES})` : ""
  }`,
  ignore: WHY_NOT_POSTGRES !== undefined,
  async fn() {
    const database = await postgresDatabase();
    try {
      await assertProbed(await containerIn(ON_POSTGRES), database.url);
    } finally {
      await database.drop();
    }
  },
});
