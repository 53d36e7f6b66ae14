/** Two servers on two nodes of a Galera cluster: each writes where it is, and the cluster decides. */

import assert from "node:assert/strict";
import { type Backend, BackendError } from "../../backends/contract.ts";
import { open } from "../../backends/mysql/mod.ts";
import { GaleraCluster } from "../support/databases/galera_cluster.ts";
import { missingFor } from "../support/databases/installed.ts";
import { batchAt, bytes, OPEN_OPTIONS, putRow, range } from "../../backends/conformance/subject.ts";

const ROUNDS = 100;
/** Far more than bad luck explains. */
const LOSSES_MAX = 1_000;

/** Appends a row, again and again until it is this server's turn to win; answers how often it lost. */
async function put(backend: Backend, key: string): Promise<number> {
  for (let lost = 0;; lost++) { // Ends when it wins: of two that race, one does.
    assert.ok(lost < LOSSES_MAX, "lost race after race");
    const head = await backend.head();
    const rows = [putRow(bytes(key), { revision: head.revision + 1 })];
    try {
      await backend.append(batchAt(head, { rows }));
      return lost;
    } catch (error) {
      assert.ok(error instanceof BackendError && error.kind === "conflict", String(error));
    }
  }
}

Deno.test({
  name: "mysql: on nodes of a Galera cluster servers see each other's writes, and none is lost",
  ignore: (missingFor("galera") ?? missingFor("mysql")) !== undefined &&
    Deno.env.get("CI") !== "true",
  async fn() {
    await using cluster = await GaleraCluster.start({ flushLogAtCommit: 0 });
    const { url } = await cluster.node(0).createDatabase();
    const otherUrl = url.replace(`:${cluster.node(0).port}/`, `:${cluster.node(1).port}/`);
    let id = 100n;
    const options = { ...OPEN_OPTIONS, randomId: () => ++id };
    const [one, two] = await Promise.all([open(url, options), open(otherUrl, options)]);
    assert.equal(one.clusterId, two.clusterId);

    // What was acknowledged on one node is there on the other.
    for (let round = 0; round < ROUNDS; round++) {
      const [writer, reader] = round % 2 === 0 ? [one, two] : [two, one];
      assert.equal(await put(writer, `in turns ${round}`), 0);
      assert.deepEqual(await reader.head(), await writer.head());
    }

    const race = async (backend: Backend, name: string) => {
      for (let round = 0; round < ROUNDS; round++) await put(backend, `${name} ${round}`);
    };
    await Promise.all([race(one, "one"), race(two, "two")]);
    const { kvs, head } = await range(two);
    assert.equal(kvs.length, 3 * ROUNDS);
    assert.equal(head.revision, 1 + 3 * ROUNDS);
    assert.equal(head.index, 3 * ROUNDS);

    await one.append(batchAt(await one.head(), { compactRevision: head.revision }));
    const trims = await Promise.all(
      [one, two].map((backend) => backend.trim({ upTo: head.revision, rowsMax: 1_000 })),
    );
    assert.ok(trims.some(({ done }) => done));
    await Promise.all([one.close(), two.close()]);
  },
});
