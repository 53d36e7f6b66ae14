// From etcd itself, by a file or by its URL, and back.

import assert from "node:assert/strict";
import { Etcdctl } from "../clients/etcdctl.ts";
import { SavedSnapshot } from "../clients/restored_etcd.ts";
import { temporaryFolder } from "../cli/rhino_process.ts";
import { CHEAP } from "../services/auth_case.ts";
import { makeCertificates, whyNoCertificates } from "../support/certificates.ts";
import { startEndpoint } from "../support/endpoint.ts";
import { freePort } from "../support/free_port.ts";
import { oracleTools, whyNoOracle } from "../support/oracle.ts";
import { revisionOf } from "../support/readable.ts";
import { ServerProcess } from "../support/server_process.ts";
import { launchTarget } from "../support/targets.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { startTlsServer } from "../support/tls_server.ts";
import {
  checkOk,
  fill,
  migrateFails,
  migrateOk,
  plain,
  Served,
  served,
  stateOf,
} from "./migration_case.ts";

const reason = await whyNoOracle();
const ROOT = "--user=root:pw";
const EVERYTHING = { key: new Uint8Array(1), rangeEnd: new Uint8Array(1) };

function etcdTest(name: string, fn: () => Promise<void>): void {
  const suffix = reason === undefined ? "" : ` (ignored: ${reason})`;
  Deno.test({ name: `migrate: ${name}${suffix}`, ignore: reason !== undefined, fn });
}

etcdTest(
  "a snapshot of etcd becomes a store with the same history, and one of it etcd again",
  async () => {
    await using cleanup = new AsyncDisposableStack();
    const folder = cleanup.use(await temporaryFolder());
    const etcd = cleanup.use(await startEndpoint("etcd", { flags: [CHEAP] }));
    await fill(etcd.client);
    const before = await stateOf(etcd.client);
    const { etcdctl } = await oracleTools();
    const saved = cleanup.use(
      await SavedSnapshot.save(new Etcdctl(etcdctl, `http://${etcd.address}`), [ROOT]),
    );
    const store = `${folder.path}/a.db`;
    assert.match(await migrateOk(saved.path, store), new RegExp(`HashKV ${before.hash}\n`));
    await checkOk(store);

    await using rhino = await Served.start(store);
    assert.deepEqual(await stateOf(rhino.client), before);
    const again = cleanup.use(
      await SavedSnapshot.save(new Etcdctl(etcdctl, `http://${rhino.address}`), [ROOT]),
    );
    const restored = cleanup.use(await again.restore());
    assert.deepEqual(await stateOf(restored.client), before);
  },
);

etcdTest("a running etcd is copied by its URL", async () => {
  await using folder = await temporaryFolder();
  await using etcd = await startEndpoint("etcd", { flags: [CHEAP] });
  const [url, store] = [`http://${etcd.address}`, `${folder.path}/a.db`];
  await fill(etcd.client);
  assert.match(await migrateFails(url, store), /cannot take a snapshot of .*user name is empty/);
  assert.match(await migrateFails(url, store, "--user=root:no"), /invalid user ID or password/);
  await migrateOk(url, store, ROOT);
  const before = await stateOf(etcd.client);
  assert.deepEqual(await served(store, ({ client }) => stateOf(client)), before);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "a.db",
    "a.db-lock",
  ]);
});

etcdTest("an empty etcd becomes an empty store", async () => {
  await using folder = await temporaryFolder();
  await using etcd = await startEndpoint("etcd");
  const store = `${folder.path}/a.db`;
  assert.match(await migrateOk(`http://${etcd.address}`, store), /: 0 keys, .*revision 1, never/);
  await checkOk(store);
  await served(store, async ({ client }) => {
    assert.equal(revisionOf(await client.kv.put({ key: "a" })), 2n);
  });
});

etcdTest("the file of a stopped member will do, and the folder is told apart", async () => {
  await using folder = await temporaryFolder();
  await using cleanup = new AsyncDisposableStack();
  const place = { dir: folder.path, port: undefined, databaseUrl: undefined };
  const launch = await launchTarget("etcd", { place, cleanup });
  const etcd = new ServerProcess(launch.command, launch.args);
  await etcd.ready();
  const client = new EtcdClient(launch.address ?? "");
  await fill(client);
  const before = await stateOf(client);
  client.close();
  await etcd.end("SIGTERM");

  const store = `${folder.path}/a.db`;
  const folderText = await migrateFails(`${folder.path}/etcd`, store);
  assert.match(folderText, /it is a folder; of an etcd that was stopped, name .*member\/snap\/db/);
  await migrateOk(`${folder.path}/etcd/member/snap/db`, store);
  assert.deepEqual(await served(store, ({ client }) => stateOf(client)), before);
});

etcdTest(
  "revisions that a restore has raised stay so, and what is before is compacted",
  async () => {
    await using folder = await temporaryFolder();
    await using etcd = await startEndpoint("etcd");
    for (let i = 0; i < 10; i++) await etcd.client.kv.put({ key: `k${i % 3}`, value: `${i}` });
    const { etcdctl, etcdutl } = await oracleTools();
    await using saved = await SavedSnapshot.save(new Etcdctl(etcdctl, `http://${etcd.address}`));
    const data = `${folder.path}/restored`;
    const { success } = await new Deno.Command(etcdutl, {
      args: [
        ...["snapshot", "restore", saved.path, `--data-dir=${data}`],
        ...["--bump-revision=1000", "--mark-compacted"],
      ],
      stderr: "null",
    }).output();
    assert.ok(success);
    const store = `${folder.path}/a.db`;
    await migrateOk(`${data}/member/snap/db`, store);
    await checkOk(store);
    const before = await etcd.client.kv.range(EVERYTHING);
    await served(store, async ({ client }) => {
      const after = await client.kv.range(EVERYTHING);
      assert.deepEqual(plain(after.kvs), plain(before.kvs));
      assert.equal(revisionOf(after), 1_011n);
      await assert.rejects(client.kv.range({ ...EVERYTHING, revision: 11n }), /compacted/);
      assert.equal(revisionOf(await client.kv.put({ key: "a" })), 1_012n);
    });
  },
);

const noTls = whyNoCertificates();
Deno.test({
  name: `migrate: a server is known by its certificate${noTls ? ` (ignored: ${noTls})` : ""}`,
  ignore: noTls !== undefined,
  async fn() {
    await using folder = await temporaryFolder();
    await using certificates = await makeCertificates();
    const { server: { cert, key }, authority, alice } = certificates;
    await using server = await startTlsServer("rhino", {
      certFile: cert,
      keyFile: key,
      trustedCaFile: authority.cert,
      clientCertAuth: true,
      dataDir: `${folder.path}/data`,
    });
    const [url, store] = [`https://127.0.0.1:${server.port}`, `${folder.path}/a.db`];
    assert.match(await migrateFails(url, store), /cannot take a snapshot of/);
    assert.match(await migrateFails("https://10.0.0.1:1", store), /name the server as its cert/);
    const flags = [`--cacert=${authority.cert}`, `--cert=${alice.cert}`, `--key=${alice.key}`];
    await migrateOk(url, store, ...flags);
  },
});

Deno.test("migrate: a server that is not there is told in one line", async () => {
  await using folder = await temporaryFolder();
  const url = `http://127.0.0.1:${await freePort()}`;
  assert.match(await migrateFails(url, `${folder.path}/a.db`), /cannot take a snapshot of .*ECONN/);
});
