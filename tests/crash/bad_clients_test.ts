/**
 * Clients that behave badly, by the thousand: connections opened and dropped, messages cut off,
 * resets in the middle of one, watches whose clients vanish. The server goes on answering, and
 * afterwards holds no more memory and no more descriptors than before.
 *
 * How the clients meet the server is up to the machine; there is no seed. More of them:
 * `RHINO_BAD_CLIENTS=2000 deno test -A <this file>`.
 */

import type { Endpoint } from "../support/endpoint.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { serviceTest } from "../support/service_case.ts";
import assert from "node:assert/strict";
import { countOfRun } from "../model/random.ts";
import { openDescriptors, residentBytes } from "./process_usage.ts";
import {
  cancelStreams,
  cutMessage,
  dropConnection,
  type RawConnection,
  sendGarbage,
  sendPartialHeaders,
  vanishWithWatches,
} from "./raw_client.ts";

/** Clients of each kind in one wave. */
const CLIENTS = countOfRun("RHINO_BAD_CLIENTS", 250);
/** So many are there at a time. */
const CLIENTS_AT_ONCE = 50;
/** Waves that fill the caches and grow the heap to its working size. */
const WARM_UP_WAVES = 5;
/** Waves over which memory may not grow any more. */
const WAVES = 5;
const MIB = 2 ** 20;
/**
 * Five waves are 16,000 connections and streams: five KiB left by each would be 80 MiB. Rhino was
 * seen to grow by 13 MiB at most over these five, and by 21 MiB up to the 25th wave.
 */
const GROWTH_BYTES_MAX = 64 * MIB;
/** Descriptors that a server may open for itself meanwhile. */
const DESCRIPTORS_MARGIN = 5;
const SETTLE_TIMEOUT_MS = 20_000;

const KINDS: readonly ((address: RawConnection) => Promise<void>)[] = [
  dropConnection,
  sendGarbage,
  sendPartialHeaders,
  cutMessage,
  vanishWithWatches,
];

serviceTest("bad clients: thousands of them leave nothing behind", { fresh: true }, async (t) => {
  const { endpoint, client } = t;
  await assertServes(client, "before");
  const descriptors = await openDescriptors(endpoint.pid);
  for (let count = 0; count < WARM_UP_WAVES; count++) await wave(endpoint);
  await waitForDescriptors(endpoint, descriptors);
  const resident = await residentBytes(endpoint.pid);
  for (let count = 1; count <= WAVES; count++) {
    await wave(endpoint);
    await assertServes(client, `after wave ${count}`);
    await waitForDescriptors(endpoint, descriptors);
  }
  const growth = await residentBytes(endpoint.pid) - resident;
  assert(growth <= GROWTH_BYTES_MAX, `${WAVES} waves took ${growth} bytes of memory`);
});

serviceTest(
  "bad clients: a reader that stops reading its watch holds up nobody",
  { fresh: true },
  async ({ endpoint, client: { kv, watch } }) => {
    const slow = new EtcdClient(endpoint.address);
    const stalled = slow.watch.watch();
    const range = { key: "big", rangeEnd: "bih" };
    stalled.send({ requestUnion: { case: "createRequest", value: range } });
    await stalled.next();
    stalled.pause();
    using reader = watch.watch();
    reader.send({ requestUnion: { case: "createRequest", value: range } });
    await reader.next();

    const value = new Uint8Array(500_000);
    const puts = 60; // 30 MB, far more than any window or buffer.
    for (let put = 0; put < puts; put++) await kv.put({ key: `big${put % 3}`, value });
    let seen = 0;
    while (seen < puts) seen += (await reader.next()).events.length;
    slow.close();
    await kv.put({ key: "big", value: "end" });
    assert.equal((await reader.next()).events.length, 1);
  },
);

/** Every kind of client, as many as there are, and one that gives up hundreds of calls. */
async function wave({ address }: Endpoint): Promise<void> {
  const [hostname = "", port = ""] = address.split(":");
  const connection = { hostname, port: Number(port) };
  for (const kind of KINDS) {
    for (let count = 0; count < CLIENTS; count += CLIENTS_AT_ONCE) {
      await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, () => kind(connection)));
    }
  }
  await cancelStreams(connection);
}

/** The server takes a write, reads it and tells a watch of it. */
async function assertServes({ kv, watch }: EtcdClient, value: string): Promise<void> {
  using stream = watch.watch();
  stream.send({ requestUnion: { case: "createRequest", value: { key: "alive" } } });
  await stream.next();
  await kv.put({ key: "alive", value });
  const [event] = (await stream.next()).events;
  const { kvs: [kv1] } = await kv.range({ key: "alive" });
  const expected = new TextEncoder().encode(value);
  assert.deepEqual([event?.kv?.value, kv1?.value], [expected, expected]);
}

/** Waits until the server has closed what the clients left open. */
async function waitForDescriptors({ pid }: Endpoint, before: number): Promise<void> {
  const deadline = AbortSignal.timeout(SETTLE_TIMEOUT_MS);
  let open = await openDescriptors(pid);
  while (open > before + DESCRIPTORS_MARGIN) { // Until they are closed, or the deadline.
    assert(!deadline.aborted, `${open} descriptors are open; before it were ${before}`);
    open = await openDescriptors(pid);
  }
}
