/** A whole run: the programs are built, the servers measured. */

import { startEngine } from "./database_engine.ts";
import { buildLoadgen } from "./go_build.ts";
import { machineText } from "./machine.ts";
import type { Options } from "./options.ts";
import type { Run } from "./report.ts";
import { type Row, runRounds } from "./rounds.ts";
import { type Contender, prepareServer } from "./servers.ts";

/** A build that fails may write pages; the report keeps their beginning. */
const REASON_LENGTH_MAX = 300;

export interface Listener {
  readonly onRow?: (row: Row) => void;
  /** A server that was asked for cannot be had. */
  readonly onLeftOut?: (text: string) => void;
}

/** @throws {Error} if the load generator cannot be built, or Rhino or the database not be started. */
export async function runBenchmark(options: Options, listener: Listener = {}): Promise<Run> {
  const { store, kineConnections, rounds, sizes, isFull } = options;
  const loadgen = await buildLoadgen();
  const { contenders, leftOut } = await prepareServers(options, listener);
  await using stack = new AsyncDisposableStack();
  const machine = machineText();
  const engine = await startEngine(store);
  if (engine !== undefined) stack.use(engine);
  const run = {
    store,
    kineConnections,
    date: new Date(),
    machine,
    engine: engine?.description,
    contenders,
    leftOut,
  };
  const rows = await runRounds(contenders, { rounds, sizes, loadgen, engine, ...listener });
  return { ...run, rounds, sizes, isFull, rows };
}

async function prepareServers(
  { servers, ...setting }: Options,
  { onLeftOut }: Listener,
): Promise<{ contenders: Contender[]; leftOut: string[] }> {
  const contenders: Contender[] = [];
  const leftOut: string[] = [];
  for (const name of servers) {
    try {
      contenders.push(await prepareServer(name, setting));
    } catch (error) {
      // A peer is welcome and not needed; without Rhino there is nothing to measure.
      if (name === "rhino" || !(error instanceof Error)) throw error;
      const text = `${name} is left out: ${error.message}`;
      leftOut.push(text.replaceAll(/\s+/g, " ").slice(0, REASON_LENGTH_MAX));
      onLeftOut?.(text);
    }
  }
  return { contenders, leftOut };
}
