/**
 * Two Rhino servers that share a database: do they together reach what one reaches? The same two load generators, each
 * with half of the clients, drive one server alone and then, on a new database, two servers, for the same time.
 */

import type { Load, LoadResult } from "./load.ts";
import type { RunningServer } from "./running_server.ts";
import type { Sizes } from "./sizes.ts";
import { load, type Workload } from "./workloads.ts";

export const ONE_SERVER: Workload = {
  title: "create, one server",
  measure: "perSecond",
  loads: () => [],
};

const ENOUGH: Workload["bars"] = {
  postgres: { kind: "times workload", base: ONE_SERVER, atLeast: 0.8 },
  mysql: { kind: "times workload", base: ONE_SERVER, atLeast: 0.8 },
};

export const TWO_SERVERS: Workload = {
  title: "create, two servers",
  measure: "perSecond",
  bars: ENOUGH,
  loads: () => [],
};

/** What each of the two has done: whether they share fairly. */
export const HALVES: readonly [Workload, Workload] = [
  { title: "create, first of two", measure: "perSecond", loads: () => [] },
  { title: "create, second of two", measure: "perSecond", loads: () => [] },
];

const PREFIX = "/registry/configmaps/shared/";
/** Until both load generators have surely been started. */
const START_DELAY_MS = 1_000;
/** More keys than can be created in any time. */
const ENDLESS = 1_000_000_000;

/** One server twice, or two. */
export type Pair = readonly [RunningServer, RunningServer];

/** What the two halves of the clients have done, after each server has created some keys that do not count. */
export async function runHalves([first, second]: Pair, sizes: Sizes): Promise<LoadResult[]> {
  const { clients, warmUps, sharedMs } = sizes;
  const servers = new Set([first, second]);
  for (const [i, server] of [...servers].entries()) {
    const warm = await server.run(
      load("create", `${PREFIX}warm-${i}/`, { clients, total: warmUps }),
    );
    if (warm.errors > 0) throw new Error(warm.firstError);
  }
  const half = {
    ...load("create", PREFIX, { clients: Math.ceil(clients / 2), total: ENDLESS }),
    startAtMs: Date.now() + START_DELAY_MS,
    maxTimeMs: sharedMs,
  };
  const loads: readonly [Load, Load] = [
    { ...half, prefix: `${PREFIX}first/` },
    // The other tells of the database, and of the server if it is the same.
    {
      ...half,
      prefix: `${PREFIX}second/`,
      untold: servers.size === 1 ? ["database", "server"] : ["database"],
    },
  ];
  return await Promise.all([first.run(loads[0]), second.run(loads[1])]);
}

/** Loads of the same time as one. Of their latencies the worse are told: those of all together are not known. */
export function together(results: readonly LoadResult[]): LoadResult {
  const ok = sum(results.map((one) => one.ok));
  const firstError = results.map((one) => one.firstError).find((text) => text !== undefined);
  return {
    ok,
    errors: sum(results.map((one) => one.errors)),
    ...(firstError === undefined ? {} : { firstError }),
    perSecond: sum(results.map((one) => one.perSecond)),
    p50Ms: Math.max(...results.map((one) => one.p50Ms)),
    p99Ms: Math.max(...results.map((one) => one.p99Ms)),
    cpuUsPerOp: perOp(results, "cpuUsPerOp", ok),
    dbCpuUsPerOp: perOp(results, "dbCpuUsPerOp", ok),
    rssMb: known(results.map((one) => one.rssMb)),
    peakRssMb: known(results.map((one) => one.peakRssMb)),
  };
}

function perOp(
  results: readonly LoadResult[],
  figure: "cpuUsPerOp" | "dbCpuUsPerOp",
  ok: number,
): number | null {
  const total = known(results.map((one) => {
    const used = one[figure];
    return used === null ? null : used * one.ok;
  }));
  return total === null || ok === 0 ? null : total / ok;
}

/** Null only if nobody tells. */
function known(figures: readonly (number | null)[]): number | null {
  const told = figures.filter((figure) => figure !== null);
  return told.length === 0 ? null : sum(told);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
