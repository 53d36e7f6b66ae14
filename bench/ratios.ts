/** Rows → ratios, and whether a bar is met. */

import type { LoadResult } from "./load.ts";
import type { Row } from "./rounds.ts";
import type { ServerName } from "./servers.ts";
import type { Bar, Measure, Workload } from "./workloads.ts";

/** A figure of each row, by its name in `LoadResult`. */
export type Figure = Measure | "cpuUsPerOp";

/** A figure over the rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Rhino's figure divided by the peer's, round by round; rounds in which one has failed do not count. */
export function ratio(
  rows: readonly Row[],
  { workload, figure, peer }: {
    readonly workload: Workload;
    readonly figure: Figure;
    readonly peer: ServerName;
  },
): Spread | undefined {
  const own = rows.filter((row) => row.workload === workload);
  const ratios: number[] = [];
  for (const row of own.filter(({ server }) => server === "rhino")) {
    const other = own.find(({ server, round }) => server === peer && round === row.round);
    const ours = figureOf(row.outcome, figure);
    const theirs = other && figureOf(other.outcome, figure);
    if (ours !== undefined && theirs) ratios.push(ours / theirs);
  }
  return spread(ratios);
}

/** Rhino's own figure. */
export function own(
  rows: readonly Row[],
  { workload, figure }: { readonly workload: Workload; readonly figure: Figure },
): Spread | undefined {
  const ours = rows.filter((row) => row.workload === workload && row.server === "rhino");
  return spread(
    ours.map(({ outcome }) => figureOf(outcome, figure)).filter((value) => value !== undefined),
  );
}

/** Whether the median meets the workload's bar; undefined if there is no bar, or nothing to judge. */
export function isBarMet(rows: readonly Row[], workload: Workload): boolean | undefined {
  const { bar, measure: figure } = workload;
  if (bar === undefined) return undefined;
  const found = bar.kind === "value"
    ? own(rows, { workload, figure })
    : ratio(rows, { workload, figure, peer: "etcd" });
  return found && meets(found.median, bar);
}

function meets(median: number, bar: Bar): boolean {
  return "atLeast" in bar ? median >= bar.atLeast : median <= bar.atMost;
}

/** A workload with errors did other work than one without, so it gives no figure. */
function figureOf(outcome: LoadResult | string, figure: Figure): number | undefined {
  if (typeof outcome === "string" || outcome.errors > 0) return undefined;
  return outcome[figure] ?? undefined;
}

function spread(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) return undefined;
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)] ?? min;
  const high = sorted[Math.ceil(middle)] ?? max;
  return { median: (low + high) / 2, min, max };
}
