/** Rows → ratios, and whether a bar is met. */

import type { LoadResult } from "./load.ts";
import type { Row } from "./rounds.ts";
import type { ServerName } from "./servers.ts";
import type { StoreName } from "./stores.ts";
import type { Bar, Measure, Workload } from "./workloads.ts";

/** A figure of each row, by its name in `LoadResult`. */
export type Figure = Measure | "cpuUsPerOp" | "dbCpuUsPerOp";

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
  return ratioOfRows({
    ours: rows.filter((row) => row.workload === workload && row.server === "rhino"),
    theirs: rows.filter((row) => row.workload === workload && row.server === peer),
    figure,
  });
}

/** Rhino's figure divided by its own with another workload, round by round. */
export function ratioToOwn(
  rows: readonly Row[],
  { workload, figure, base }: {
    readonly workload: Workload;
    readonly figure: Figure;
    readonly base: Workload;
  },
): Spread | undefined {
  const own = rows.filter(({ server }) => server === "rhino");
  return ratioOfRows({
    ours: own.filter((row) => row.workload === workload),
    theirs: own.filter((row) => row.workload === base),
    figure,
  });
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
export function isBarMet(
  rows: readonly Row[],
  { workload, store }: { readonly workload: Workload; readonly store: StoreName },
): boolean | undefined {
  const bar = workload.bars?.[store];
  const found = bar && judged(rows, { workload, bar });
  return bar && found && meets(found.median, bar);
}

/** What a bar of the workload is held against. */
export function judged(
  rows: readonly Row[],
  { workload, bar }: { readonly workload: Workload; readonly bar: Bar },
): Spread | undefined {
  const { measure: figure } = workload;
  switch (bar.kind) {
    case "value":
      return own(rows, { workload, figure });
    case "times peer":
      return ratio(rows, { workload, figure, peer: bar.peer });
    case "times workload":
      return ratioToOwn(rows, { workload, figure, base: bar.base });
  }
}

function meets(median: number, bar: Bar): boolean {
  return "atLeast" in bar ? median >= bar.atLeast : median <= bar.atMost;
}

function ratioOfRows({ ours, theirs, figure }: {
  readonly ours: readonly Row[];
  readonly theirs: readonly Row[];
  readonly figure: Figure;
}): Spread | undefined {
  const ratios: number[] = [];
  for (const row of ours) {
    const other = theirs.find(({ round }) => round === row.round);
    const above = figureOf(row.outcome, figure);
    const below = other && figureOf(other.outcome, figure);
    if (above !== undefined && below) ratios.push(above / below);
  }
  return spread(ratios);
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
