/** Everything for which a server may need a right while it runs. */

import assert from "node:assert/strict";
import { base64 } from "../support/http_client.ts";
import { ask, type Place } from "./gateway_client.ts";

const USER = { name: "root", password: "secret" };
/** A whole file of etcd's is larger. */
const SNAPSHOT_LENGTH_MIN = 4_096;

/** Leaves authentication on: for a server that is asked once. */
export async function exercise(place: Place, metricsAt: Place = place): Promise<void> {
  const key = base64("a");
  const post = (path: string, body: unknown, token?: string) =>
    ask(place, path, token === undefined ? { body } : { body, token });
  await post("/v3/kv/put", { key, value: base64("1") });
  assert.match(await post("/v3/kv/range", { key }), /"value":"MQ=="/);
  const watched = await ask(place, "/v3/watch", {
    body: { create_request: { key, start_revision: "1" } },
    until: (text) => text.includes('"events"'),
  });
  assert.match(watched, /"value":"MQ=="/);
  assert.match(await post("/v3/lease/grant", { TTL: "60" }), /"TTL":"60"/);
  const snapshot = await post("/v3/maintenance/snapshot", {});
  assert.ok(snapshot.length > SNAPSHOT_LENGTH_MIN && !snapshot.includes('"error"'), snapshot);
  await post("/v3/kv/compaction", { revision: "1" });
  await post("/v3/maintenance/defragment", {});
  await post("/v3/auth/user/add", USER);
  await post("/v3/auth/user/grant", { user: "root", role: "root" });
  await post("/v3/auth/enable", {});
  const { token } = JSON.parse(await post("/v3/auth/authenticate", USER));
  await post("/v3/kv/put", { key, value: base64("2") }, token);
  await assert.rejects(post("/v3/kv/put", { key, value: base64("3") }));
  assert.match(await ask(metricsAt, "/metrics"), /^process_cpu_seconds_total /m);
}
