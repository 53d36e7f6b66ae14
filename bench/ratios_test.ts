import assert from "node:assert/strict";
import type { LoadResult } from "./load.ts";
import { isBarMet, own, ratio, ratioToOwn } from "./ratios.ts";
import type { Row } from "./rounds.ts";
import type { ServerName } from "./servers.ts";
import type { Workload } from "./workloads.ts";

const RATE: Workload = {
  title: "rate",
  measure: "perSecond",
  bars: {
    sqlite: { kind: "times peer", peer: "etcd", atLeast: 0.7 },
    mysql: { kind: "times peer", peer: "kine", atLeast: 4 },
  },
  loads: () => [],
};

const READY_TIME: Workload = {
  title: "time",
  measure: "p50Ms",
  bars: { sqlite: { kind: "value", atMost: 1_000 } },
  loads: () => [],
};

const SHARED_RATE: Workload = {
  title: "shared rate",
  measure: "perSecond",
  bars: { postgres: { kind: "times workload", base: RATE, atLeast: 0.8 } },
  loads: () => [],
};

function result(figures: Partial<LoadResult>): LoadResult {
  return {
    ok: 1,
    errors: 0,
    perSecond: 0,
    p50Ms: 0,
    p99Ms: 0,
    cpuUsPerOp: null,
    dbCpuUsPerOp: null,
    rssMb: null,
    peakRssMb: null,
    ...figures,
  };
}

function rates(server: ServerName, perRound: readonly number[], workload = RATE): Row[] {
  return perRound.map((perSecond, i) => ({
    workload,
    server,
    round: i + 1,
    outcome: result({ perSecond }),
  }));
}

Deno.test("a ratio is taken within each round, and the median of them counts", () => {
  const rows = [...rates("rhino", [10, 20, 90]), ...rates("etcd", [10, 40, 100])];
  const found = ratio(rows, { workload: RATE, figure: "perSecond", peer: "etcd" });
  assert.deepEqual(found, { median: 0.9, min: 0.5, max: 1 });
});

Deno.test("the median of two rounds lies between them", () => {
  const rows = [...rates("rhino", [1, 3]), ...rates("etcd", [1, 1])];
  assert.equal(ratio(rows, { workload: RATE, figure: "perSecond", peer: "etcd" })?.median, 2);
});

Deno.test("rounds with a failure or an error on either side do not count", () => {
  const failed: Row = { workload: RATE, server: "etcd", round: 1, outcome: "no server" };
  const faulty: Row = {
    workload: RATE,
    server: "etcd",
    round: 2,
    outcome: result({ perSecond: 1, errors: 1 }),
  };
  const whole = rates("etcd", [1, 1, 10]).slice(2);
  const rows = [...rates("rhino", [1, 1, 5]), failed, faulty, ...whole];
  const found = ratio(rows, { workload: RATE, figure: "perSecond", peer: "etcd" });
  assert.deepEqual(found, { median: 0.5, min: 0.5, max: 0.5 });
});

Deno.test("without the peer, or a figure that the system tells, there is no ratio", () => {
  const rows = rates("rhino", [1]);
  assert.equal(ratio(rows, { workload: RATE, figure: "perSecond", peer: "kine" }), undefined);
  assert.equal(own(rows, { workload: RATE, figure: "cpuUsPerOp" }), undefined);
  assert.equal(isBarMet(rows, { workload: RATE, store: "sqlite" }), undefined);
});

Deno.test("a bar against etcd is judged by the median ratio", () => {
  const etcd = rates("etcd", [100]);
  const bar = { workload: RATE, store: "sqlite" } as const;
  assert.equal(isBarMet([...rates("rhino", [70]), ...etcd], bar), true);
  assert.equal(isBarMet([...rates("rhino", [69]), ...etcd], bar), false);
});

Deno.test("each store has a bar of its own, against a peer of its own, or none", () => {
  const rows = [...rates("rhino", [400]), ...rates("etcd", [1_000]), ...rates("kine", [100])];
  assert.equal(isBarMet(rows, { workload: RATE, store: "sqlite" }), false);
  assert.equal(isBarMet(rows, { workload: RATE, store: "mysql" }), true);
  assert.equal(isBarMet(rows, { workload: RATE, store: "postgres" }), undefined);
});

Deno.test("a bar against another workload is judged by Rhino's figures of the same round", () => {
  const rows = [
    ...rates("rhino", [100, 200, 400]),
    ...rates("rhino", [90, 160, 80], SHARED_RATE),
    ...rates("kine", [1, 1, 1], SHARED_RATE),
  ];
  const found = ratioToOwn(rows, { workload: SHARED_RATE, figure: "perSecond", base: RATE });
  assert.deepEqual(found, { median: 0.8, min: 0.2, max: 0.9 });
  assert.equal(isBarMet(rows, { workload: SHARED_RATE, store: "postgres" }), true);
});

Deno.test("a bar for a value is judged by Rhino's own median", () => {
  const took = (p50Ms: number): Row[] => [
    { workload: READY_TIME, server: "rhino", round: 1, outcome: result({ p50Ms }) },
  ];
  const bar = { workload: READY_TIME, store: "sqlite" } as const;
  assert.equal(isBarMet(took(1_000), bar), true);
  assert.equal(isBarMet(took(1_001), bar), false);
});
