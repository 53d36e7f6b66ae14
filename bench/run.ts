/** A whole run: the programs are built, the servers measured, the report written as a text. */

import { buildProgram } from "./go_build.ts";
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

/** @throws {Error} if the load generator cannot be built, or Rhino not be started. */
export async function runBenchmark(options: Options, listener: Listener = {}): Promise<Run> {
  const { rounds, sizes, isFull } = options;
  const loadgen = await buildProgram({
    module: "loadgen",
    packageName: ".",
    executable: "loadgen",
    needsC: false,
  });
  const { contenders, leftOut } = await prepareServers(options, listener);
  const run = { date: new Date(), machine: machineText(), contenders, leftOut };
  const rows = await runRounds(contenders, { rounds, sizes, loadgen, ...listener });
  return { ...run, rounds, sizes, isFull, rows };
}

async function prepareServers(
  { servers }: Options,
  { onLeftOut }: Listener,
): Promise<{ contenders: Contender[]; leftOut: string[] }> {
  const contenders: Contender[] = [];
  const leftOut: string[] = [];
  for (const name of servers) {
    try {
      contenders.push(await prepareServer(name));
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
