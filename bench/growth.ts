/** How a store grows while one Rhino updates the same keys without end and compacts by itself. */

import { type DatabaseEngine, startEngine } from "./database_engine.ts";
import { buildLoadgen } from "./go_build.ts";
import type { LoadResult } from "./load.ts";
import { machineText } from "./machine.ts";
import type { RunningServer } from "./running_server.ts";
import { type Contender, prepareRhino } from "./servers.ts";
import type { GrowthSizes, Sizes } from "./sizes.ts";
import { Stage } from "./stage.ts";
import { type StorePart, storeParts } from "./store_parts.ts";
import type { StoreName } from "./stores.ts";
import { load } from "./workloads.ts";

/** Of the updates, when the store is looked at. */
const SHARES = [0.1, 0.5, 1];

export const GROWTH_FLAGS: readonly string[] = [
  "--compact-interval=5s",
  "--compact-min-retain=1000",
];

const UPDATED = "/registry/configmaps/updated/";
/** For half of two million updates on a slow machine. */
const MAX_TIME_MS = 3 * 60 * 60_000;

export interface GrowthStep {
  /** Updates so far. */
  readonly updates: number;
  /** Of those since the step before. */
  readonly result: LoadResult;
  readonly parts: readonly StorePart[];
}

export interface GrowthRun {
  readonly store: StoreName;
  readonly date: Date;
  readonly machine: string;
  readonly engine: string | undefined;
  readonly rhino: string;
  readonly clients: number;
  readonly valueBytes: number;
  readonly sizes: GrowthSizes;
  readonly steps: readonly GrowthStep[];
}

export interface GrowthOptions {
  readonly store: StoreName;
  readonly growth: GrowthSizes;
  readonly sizes: Pick<Sizes, "clients" | "valueBytes">;
  readonly onStep?: (step: GrowthStep) => void;
}

/** @throws {Error} if a server cannot be started, or an update fails. */
export async function runGrowth(options: GrowthOptions): Promise<GrowthRun> {
  const { store, growth, sizes: { clients, valueBytes } } = options;
  const loadgen = await buildLoadgen();
  const rhino = prepareRhino(store);
  await using stack = new AsyncDisposableStack();
  const engine = await startEngine(store);
  if (engine !== undefined) stack.use(engine);
  const stage = stack.use(new Stage({ loadgen, valueBytes, engine }));
  const run = { store, date: new Date(), machine: machineText(), engine: engine?.description };
  const steps = await runSteps(stage, { ...options, engine, rhino });
  return { ...run, rhino: rhino.description, clients, valueBytes, sizes: growth, steps };
}

interface StepOptions extends GrowthOptions {
  readonly engine: DatabaseEngine | undefined;
  readonly rhino: Contender;
}

async function runSteps(
  stage: Stage,
  { growth: { updates, keys }, sizes: { clients }, engine, rhino, onStep }: StepOptions,
): Promise<GrowthStep[]> {
  const database = await stage.createDatabase();
  const server = await stage.start(rhino, { database, flags: GROWTH_FLAGS });
  await server.ready();
  await runWhole(server, load("create", UPDATED, { clients, total: keys }));
  const steps: GrowthStep[] = [];
  let done = 0;
  for (const share of SHARES) {
    const total = Math.round(updates * share) - done;
    const result = await runWhole(server, load("update", UPDATED, { clients, total, keys }));
    done += total;
    const parts = await storeParts({ engine, databaseUrl: database?.url, dir: server.dir });
    const step = { updates: done, result, parts };
    onStep?.(step);
    steps.push(step);
  }
  return steps;
}

async function runWhole(
  server: RunningServer,
  work: ReturnType<typeof load>,
): Promise<LoadResult> {
  const result = await server.run({ ...work, maxTimeMs: MAX_TIME_MS });
  if (result.errors > 0) {
    throw new Error(`${result.errors} of ${work.total} failed, the first: ${result.firstError}`);
  }
  return result;
}
