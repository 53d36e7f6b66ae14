/**
 * The rounds of a run. In each round every server starts on an empty store and each workload goes
 * through the servers in turn, the others being paused, so that the figures of a ratio are taken
 * within seconds of each other. The order of the servers changes from round to round.
 */

import { CACHE_DIR } from "./go_build.ts";
import type { Load, LoadResult } from "./load.ts";
import { RunningServer } from "./running_server.ts";
import type { Contender, ServerName } from "./servers.ts";
import type { Sizes } from "./sizes.ts";
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
    // Memory hardly varies from round to round, and its store takes the longest to fill.
    if (round === 1) await runOnNewStores(inTurn, { ...options, workloads: [MEMORY], collect });
  }
  return rows;
}

interface StageOptions extends RunOptions {
  readonly workloads: readonly Workload[];
  readonly collect: (row: Omit<Row, "round">) => void;
}

async function runOnNewStores(
  contenders: readonly Contender[],
  { workloads, collect, loadgen, sizes }: StageOptions,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const parentDir = stack.use(new ScratchDir()).path;
  const servers: RunningServer[] = [];
  for (const contender of contenders) {
    const options = { parentDir, loadgen, valueBytes: sizes.valueBytes };
    const server = stack.use(new RunningServer(contender, options));
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

/** A directory for the stores, removed with all that is in it, also when the run is interrupted. */
class ScratchDir implements Disposable {
  readonly path = Deno.makeTempDirSync({ dir: CACHE_DIR, prefix: "run-" });
  readonly #remove = () => Deno.removeSync(this.path, { recursive: true });

  constructor() {
    globalThis.addEventListener("unload", this.#remove);
  }

  [Symbol.dispose](): void {
    globalThis.removeEventListener("unload", this.#remove);
    this.#remove();
  }
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
    return error instanceof Error ? error.message : String(error);
  }
}

function rotate<Item>(items: readonly Item[], by: number): Item[] {
  const start = by % Math.max(items.length, 1);
  return [...items.slice(start), ...items.slice(0, start)];
}
