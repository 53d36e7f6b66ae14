/** The compose file: read by Docker Compose's own library, and its servers run, on a PostgreSQL of the tests'. */

import assert from "node:assert/strict";
import { parseCommand } from "../../src/cli/command.ts";
import type { Config } from "../../src/config.ts";
import { RhinoProcess, temporaryFolder } from "../cli/rhino_process.ts";
import { postgresDatabase, whyNoPostgres } from "../support/databases/shared_database.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { readText } from "../tidy/source_tree.ts";
import { type ComposeService, readCompose, whyNoValidators } from "./validators.ts";

const FILE = "packaging/compose.yaml";
const WHY_NOT = await whyNoValidators();
const WHY_NOT_RUN = WHY_NOT ?? whyNoPostgres();

function configOf({ command, environment }: ComposeService): Config {
  const parsed = parseCommand({ args: command ?? [], env: environment ?? {} });
  assert.ok(parsed.name === "serve");
  return parsed.config;
}

async function servers(): Promise<[name: string, service: ComposeService][]> {
  const { services } = await readCompose(FILE);
  return Object.entries(services).filter(([, { image }]) => image === "rhino");
}

Deno.test({
  name: `compose.yaml: Docker Compose reads it, and Rhino its command lines${
    WHY_NOT ? ` (ignored: ${WHY_NOT})` : ""
  }`,
  ignore: WHY_NOT !== undefined,
  async fn() {
    const rhinos = await servers();
    assert.deepEqual(rhinos.map(([name]) => name).sort(), ["rhino-1", "rhino-2", "rhino-mariadb"]);
    const published = rhinos.map(([, { ports }]) => ports?.[0]?.published);
    assert.equal(new Set(published).size, 3);
    for (const [name, service] of rhinos) {
      const config = configOf(service);
      assert.equal(config.name, name);
      assert.ok(config.endpoint.endsWith(`?password_file=${service.secrets?.[0]?.target}`), name);
      assert.equal(service.read_only, true);
    }
    await using folder = await temporaryFolder();
    const wrong = `${folder.path}/compose.yaml`;
    await Deno.writeTextFile(wrong, readText(FILE).replace("read_only: true", "readonly: true"));
    await assert.rejects(readCompose(wrong), /readonly/);
  },
});

Deno.test({
  name: `compose.yaml: its two servers are one cluster${
    WHY_NOT_RUN ? ` (ignored: ${WHY_NOT_RUN})` : ""
  }`,
  ignore: WHY_NOT_RUN !== undefined,
  async fn() {
    await using cleanup = new AsyncDisposableStack();
    await using folder = await temporaryFolder();
    const database = await postgresDatabase();
    cleanup.defer(() => database.drop());
    const own = new URL(database.url);
    const secret = `${folder.path}/database_password`;
    await Deno.writeTextFile(secret, `${decodeURIComponent(own.password)}\n`);
    own.password = "";
    const rhinos = (await servers()).filter(([name]) => name !== "rhino-mariadb");
    const clients: EtcdClient[] = [];
    for (const [, service] of rhinos) {
      const endpoint = (service.environment?.RHINO_ENDPOINT ?? "")
        .replace("postgres://rhino@postgres/kubernetes", own.href.replace(/\?.*/, ""))
        .replace("/run/secrets/database_password", secret);
      const rhino = cleanup.use(
        new RhinoProcess({
          args: ["--listen-client-urls=http://127.0.0.1:0", ...service.command ?? []],
          env: { ...service.environment, RHINO_ENDPOINT: endpoint },
        }),
      );
      clients.push(cleanup.use(new EtcdClient(await rhino.address())));
    }
    const [first, second] = clients;
    await first?.kv.put({ key: "a", value: "1" });
    const { kvs } = await second?.kv.range({ key: "a" }) ?? { kvs: [] };
    assert.equal(kvs.length, 1);
    const { members } = await second?.cluster.memberList({}) ?? { members: [] };
    assert.deepEqual(members.map(({ name }) => name).sort(), ["rhino-1", "rhino-2"]);
    assert.deepEqual(
      members.flatMap(({ clientURLs }) => clientURLs).sort(),
      ["http://rhino-1:2379", "http://rhino-2:2379"],
    );
  },
});
