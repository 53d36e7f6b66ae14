/**
 * The rounds of a run. In each round every server starts on an empty store and each workload goes
 * through the servers in turn, the others being paused, so that the figures of a ratio are taken
 * within seconds of each other. The order of the servers changes from round to round.
 */

import type { DatabaseEngine } from "./database_engine.ts";
import type { Load, LoadResult } from "./load.ts";
import type { RunningServer } from "./running_server.ts";
import type { Contender, ServerName } from "./servers.ts";
import { HALVES, ONE_SERVER, type Pair, runHalves, together, TWO_SERVERS } from "./sharing.ts";
import type { Sizes } from "./sizes.ts";
import { Stage } from "./stage.ts";
import { MEMORY, READY, type Workload, WORKLOADS } from "./workloads.ts";

/** One workload on one server in one round. */
export interface Row {
  readonly workload: Workload;
  readonly server: ServerName;
  /** From 1. */
  readonly round: number;
  /** A text if the workload could not be run. */
  readonly outcome: LoadResult | string;
}

export interface RunOptions {
  readonly rounds: number;
  readonly sizes: Sizes;
  readonly loadgen: string;
  /** Undefined if the store needs none. */
  readonly engine: DatabaseEngine | undefined;
  readonly onRow?: (row: Row) => void;
}

export async function runRounds(
  contenders: readonly Contender[],
  options: RunOptions,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const inTurn = rotate(contenders, round - 1);
    const collect = (row: Omit<Row, "round">) => {
      rows.push({ ...row, round });
      options.onRow?.({ ...row, round });
    };
    await runOnNewStores(inTurn, { ...options, workloads: [READY, ...WORKLOADS], collect });
    const rhino = contenders.find(({ name }) => name === "rhino");
    if (rhino !== undefined && options.engine !== undefined) {
      await runShared(rhino, { ...options, counts: rotate([1, 2], round - 1), collect });
    }
    // Memory hardly varies from round to round, and its store takes the longest to fill.
    if (round === 1) await runOnNewStores(inTurn, { ...options, workloads: [MEMORY], collect });
  }
  return rows;
}

type Collect = (row: Omit<Row, "round">) => void;

interface StageOptions extends RunOptions {
  readonly workloads: readonly Workload[];
  readonly collect: Collect;
}

async function runOnNewStores(
  contenders: readonly Contender[],
  { workloads, collect, loadgen, sizes, engine }: StageOptions,
): Promise<void> {
  await using stage = new Stage({ loadgen, valueBytes: sizes.valueBytes, engine });
  const servers: RunningServer[] = [];
  for (const contender of contenders) {
    const server = await stage.start(contender);
    const outcome = await outcomeOf(() => server.ready());
    server.pause();
    if (workloads.includes(READY) || typeof outcome === "string") {
      collect({ workload: READY, server: server.name, outcome });
    }
    if (typeof outcome !== "string") servers.push(server);
  }
  for (const workload of workloads.filter((one) => one !== READY)) {
    for (const server of servers) {
      server.resume();
      const outcome = await outcomeOf(() => runLoads(server, workload.loads(sizes)));
      server.pause();
      collect({ workload, server: server.name, outcome });
    }
  }
}

interface SharedOptions extends RunOptions {
  /** Of the servers that share a database, in order. */
  readonly counts: readonly number[];
  readonly collect: Collect;
}

async function runShared(
  rhino: Contender,
  { counts, collect, loadgen, sizes, engine }: SharedOptions,
): Promise<void> {
  const add = (workload: Workload, outcome: LoadResult | string) =>
    collect({ workload, server: rhino.name, outcome });
  for (const count of counts) {
    const workload = count === 1 ? ONE_SERVER : TWO_SERVERS;
    await using stage = new Stage({ loadgen, valueBytes: sizes.valueBytes, engine });
    try {
      const results = await runHalves(await startPair(stage, { rhino, count }), sizes);
      add(workload, together(results));
      if (count === 1) continue;
      for (const [i, result] of results.entries()) {
        // The database's time is that of both.
        add(HALVES[i] ?? workload, { ...result, dbCpuUsPerOp: null });
      }
    } catch (error) {
      add(workload, reasonOf(error));
    }
  }
}

async function startPair(
  stage: Stage,
  { rhino, count }: { readonly rhino: Contender; readonly count: number },
): Promise<Pair> {
  const database = await stage.createDatabase();
  const first = await stage.start(rhino, { database, flags: ["--name=first"] });
  await first.ready();
  if (count === 1) return [first, first];
  const second = await stage.start(rhino, { database, flags: ["--name=second"] });
  await second.ready();
  return [first, second];
}

async function runLoads(server: RunningServer, loads: readonly Load[]): Promise<LoadResult> {
  let last: LoadResult | undefined;
  for (const load of loads) {
    // What prepares must succeed; errors of the load that is measured are reported with it.
    if (last !== undefined && last.errors > 0) throw new Error(last.firstError);
    last = await server.run(load);
  }
  if (last === undefined) throw new Error("the workload has no load");
  return last;
}

async function outcomeOf(run: () => Promise<LoadResult>): Promise<LoadResult | string> {
  try {
    return await run();
  } catch (error) {
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function rotate<Item>(items: readonly Item[], by: number): Item[] {
  const start = by % Math.max(items.length, 1);
  return [...items.slice(start), ...items.slice(0, start)];
}
