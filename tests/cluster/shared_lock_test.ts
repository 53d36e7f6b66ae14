/** A lock belongs to the database: whoever holds it on one server keeps those out who ask on another. */

import assert from "node:assert/strict";
import { text } from "../support/readable.ts";
import { eventually } from "../support/polling.ts";
import { clusterTest } from "./cluster_case.ts";

const LONG_TTL = 600;
const WORKERS = 6;
const ROUNDS = 5;

clusterTest("a lock keeps out those who ask on other servers", {}, async ({ servers, key }) => {
  const name = key("lock");
  const counter = key("counter");
  const work = async (index: number) => {
    const { lock, lease, kv } = servers.client(index % servers.clients.length);
    const { ID } = await lease.leaseGrant({ TTL: LONG_TTL });
    for (let round = 0; round < ROUNDS; round++) {
      const held = await lock.lock({ name, lease: ID });
      // Loses counts if two do it at once.
      const { kvs: [before] } = await kv.range({ key: counter });
      const count = before === undefined ? 0 : Number(text(before.value));
      await kv.put({ key: counter, value: `${count + 1}` });
      await lock.unlock({ key: held.key });
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, (_, index) => work(index)));
  const { kvs: [counted] } = await servers.client(0).kv.range({ key: counter });
  assert.equal(counted && text(counted.value), `${WORKERS * ROUNDS}`);
});

clusterTest("a leader's word is heard on every server", {}, async ({ servers, key }) => {
  const name = key("election");
  const [a, b] = [servers.client(0), servers.client(1)];
  const observers = servers.clients.map(({ election }) => election.observe({ name }));
  const heard = async () => {
    const words = await Promise.all(observers.map((observer) => observer.next()));
    return words.map(({ kv }) => kv && text(kv.value));
  };
  const all = (word: string) => servers.clients.map(() => word);
  const { leader } = await a.election.campaign({ name, value: "1" });
  assert.deepEqual(await heard(), all("1"));
  await b.election.proclaim({ leader, value: "2" });
  assert.deepEqual(await heard(), all("2"));
  const second = b.election.campaign({ name, value: "3" });
  await eventually("the other candidate stands in line", async () => {
    return (await a.kv.range({ key: `${name}/`, rangeEnd: `${name}0` })).count === 2n;
  });
  await a.election.resign({ leader });
  assert.deepEqual(await heard(), all("3"));
  await a.election.resign({ leader: (await second).leader });
  for (const observer of observers) observer[Symbol.dispose]();
});
