/** The views in a Galera cluster, where two nodes that make the same view at once would wait for each other for ever. */

import assert from "node:assert/strict";
import { open } from "../../backends/mysql/mod.ts";
import { OPEN_OPTIONS } from "../../backends/conformance/subject.ts";
import { GaleraCluster } from "../support/databases/galera_cluster.ts";
import { missingFor } from "../support/databases/installed.ts";
import { OLD_STORES } from "./old_stores.ts";

/** What the newest columns of both views show, and of what is there nothing is lost. */
const SHOWN =
  "SET SESSION wsrep_sync_wait = 1; SELECT h.revision, h.key, k.lease_hex, k.version FROM rhino_history h " +
  "JOIN rhino_kv k ON k.key_bytes = h.key_bytes";

Deno.test({
  name:
    "mysql: servers at two nodes of a Galera cluster that open an old store at once make the views once",
  ignore: (missingFor("galera") ?? missingFor("mysql")) !== undefined &&
    Deno.env.get("CI") !== "true",
  async fn() {
    await using cluster = await GaleraCluster.start({ flushLogAtCommit: 0 });
    const { url } = await cluster.node(0).createDatabase();
    const database = new URL(url).pathname.slice(1);
    for (const statement of OLD_STORES.mysql.split(/;\n/)) {
      await cluster.node(0).query(statement, { database });
    }
    const told: string[] = [];
    const log = (_level: string, message: string) => void told.push(message);
    const urls = [0, 1].map((node) =>
      url.replace(`:${cluster.node(0).port}/`, `:${cluster.node(node).port}/`)
    );
    const backends = await Promise.all(urls.map((one) => open(one, { ...OPEN_OPTIONS, log })));
    for (const backend of backends) await backend.close();
    assert.deepEqual(told.filter((message) => message.includes("views")), []);
    for (const node of [0, 1]) {
      assert.equal(await cluster.node(node).query(SHOWN, { database }), "2\ta\tNULL\t1");
    }
  },
});
