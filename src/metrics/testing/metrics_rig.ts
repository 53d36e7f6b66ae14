/** Metrics over a store in memory and real parts, without a server. */

import { Compactor } from "../../compaction/compactor.ts";
import { type Config, makeConfig } from "../../config.ts";
import { Lessor } from "../../lease/lessor.ts";
import { Membership } from "../../membership.ts";
import { Engine, type Override } from "../../mvcc/testing/engine.ts";
import { ClientRequests } from "../../services/client_requests.ts";
import { WatchHub } from "../../watch/hub.ts";
import { CallCounts, type SlowCall } from "../call_counts.ts";
import { createMetrics } from "../metrics.ts";
import { Recorders } from "../recorders.ts";
import { parseExposition } from "./parsed_exposition.ts";

export async function startMetrics(values?: Partial<Config>, override?: Override) {
  await using started = new AsyncDisposableStack();
  const engine = started.use(await Engine.open(override));
  const { store, disk } = engine;
  const config = makeConfig(values);
  const now = () => disk.nowMs;
  const log = () => {};
  const hub = started.use(new WatchHub({ store, log }));
  const limits = { intervalMs: 0, retainMin: 0, batchSize: 10 };
  const compactor = started.use(new Compactor({ store, ...limits, now, log }));
  const lessor = started.use(new Lessor({ store, now, randomId: () => 1n, log }));
  const info = () => ({ name: "default", clientUrls: [] });
  const membership = started.use(
    new Membership({ backend: store.backend, id: 0xabcn, info, sawHead() {}, log }),
  );
  const slow: SlowCall[] = [];
  const calls = new CallCounts({
    isExtensive: config.metrics === "extensive",
    slowMs: config.warningUnaryRequestDurationMs,
    onSlow: (call) => slow.push(call),
  });
  const recorders = new Recorders();
  const clientRequests = new ClientRequests();
  const parts = { store, hub, compactor, lessor, membership, clientRequests };
  const wallSeconds = () => 1_700_000_000;
  const metrics = createMetrics({ ...parts, config, calls, recorders, now, wallSeconds });
  const running = started.move();
  return {
    ...parts,
    engine,
    calls,
    recorders,
    slow,
    metrics,
    async scrape() {
      return parseExposition((await metrics.render()).body);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
