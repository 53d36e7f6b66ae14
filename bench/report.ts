/** The report, as Markdown that also reads well on a terminal. */

import { isBarMet, own, ratio, type Spread } from "./ratios.ts";
import type { Row } from "./rounds.ts";
import type { Contender, ServerName } from "./servers.ts";
import type { Sizes } from "./sizes.ts";
import { MEMORY, READY, type Workload, WORKLOADS } from "./workloads.ts";

export interface Run {
  readonly date: Date;
  readonly machine: string;
  readonly contenders: readonly Contender[];
  /** Why a server that was asked for is not there. */
  readonly leftOut: readonly string[];
  readonly rounds: number;
  readonly sizes: Sizes;
  /** Whether the sizes are those that the bars are stated for. */
  readonly isFull: boolean;
  readonly rows: readonly Row[];
}

const NOTHING = "–";

const MEASURES = {
  perSecond: "rate",
  p50Ms: "p50",
  rssMb: "RSS",
} satisfies Record<Workload["measure"], string>;

const REPORTED: readonly Workload[] = [...WORKLOADS, READY, MEMORY];

export function reportText(run: Run): string {
  return [
    "# Benchmark\n",
    ...facts(run).map((fact) => `- ${fact}`),
    "",
    "## Ratios\n",
    "Rhino's figure divided by the peer's, both of the same round; the median of the rounds, and",
    "the least and the greatest. More is better for rates, less for p50, RSS and CPU.\n",
    ratioTable(run.rows),
    "",
    "## Rows\n",
    "An operation is a request, a whole list, or an event that reached one watcher. MB are 10⁶ bytes.\n",
    rowTable(run.rows),
    "",
  ].join("\n");
}

function facts(run: Run): string[] {
  const sizes = Object.entries(run.sizes).map(([name, size]) => `${name} ${size}`).join(", ");
  return [
    `${run.date.toISOString().slice(0, 10)}, ${run.rounds} round${run.rounds === 1 ? "" : "s"}`,
    `machine: ${run.machine}`,
    ...run.contenders.map(({ description }) => description),
    ...run.leftOut,
    `sizes: ${sizes}`,
    ...(run.isFull ? [] : ["sizes are not the full ones: the bars say little here"]),
  ];
}

/** One operation tells nothing of a rate, and the system counts CPU time in steps of 10 ms. */
function isSingle(workload: Workload): boolean {
  return workload === READY || workload === MEMORY;
}

function ratioTable(rows: readonly Row[]): string {
  const header = [
    "workload",
    "figure",
    "Rhino ÷ etcd",
    "Rhino ÷ kine",
    "CPU/op ÷ etcd",
    "CPU/op ÷ kine",
    "bar",
    "met",
  ];
  return table(
    header,
    REPORTED.map((workload) => {
      const { measure } = workload;
      const against = (peer: ServerName, figure: typeof measure | "cpuUsPerOp") =>
        spreadText(ratio(rows, { workload, figure, peer }));
      return [
        workload.title,
        MEASURES[measure],
        against("etcd", measure),
        against("kine", measure),
        ...(isSingle(workload)
          ? [NOTHING, NOTHING]
          : [against("etcd", "cpuUsPerOp"), against("kine", "cpuUsPerOp")]),
        barText(workload, rows),
        metText(isBarMet(rows, workload)),
      ];
    }),
  );
}

function barText(workload: Workload, rows: readonly Row[]): string {
  const { bar, measure } = workload;
  if (bar === undefined) return NOTHING;
  if (bar.kind === "times etcd") {
    return "atLeast" in bar ? `≥ ${bar.atLeast} × etcd` : `≤ ${bar.atMost} × etcd`;
  }
  const unit = measure === "rssMb" ? "MB" : "ms";
  const found = own(rows, { workload, figure: measure });
  const foundText = found === undefined ? "" : ` (${found.median.toFixed(0)})`;
  return `≤ ${bar.atMost} ${unit}${foundText}`;
}

function metText(isMet: boolean | undefined): string {
  if (isMet === undefined) return NOTHING;
  return isMet ? "yes" : "no";
}

function spreadText(found: Spread | undefined): string {
  if (found === undefined) return NOTHING;
  const { median, min, max } = found;
  if (min === max) return median.toFixed(2);
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
}

function rowTable(rows: readonly Row[]): string {
  const header = [
    "workload",
    "server",
    "round",
    "ops/s",
    "p50 ms",
    "p99 ms",
    "CPU µs/op",
    "RSS MB",
    "peak MB",
    "ops",
    "errors",
  ];
  const inOrder = REPORTED.flatMap((workload) => rows.filter((row) => row.workload === workload));
  return table(header, inOrder.map(rowCells));
}

function rowCells({ workload, server, round, outcome }: Row): string[] {
  const subject = [workload.title, server, String(round)];
  if (typeof outcome === "string") return [...subject, ...failureCells(outcome)];
  const { ok, errors, firstError } = outcome;
  return [
    ...subject,
    isSingle(workload) ? NOTHING : outcome.perSecond.toFixed(0),
    outcome.p50Ms.toFixed(2),
    outcome.p99Ms.toFixed(2),
    isSingle(workload) ? NOTHING : outcome.cpuUsPerOp?.toFixed(1) ?? NOTHING,
    outcome.rssMb?.toFixed(0) ?? NOTHING,
    outcome.peakRssMb?.toFixed(0) ?? NOTHING,
    String(ok),
    errors === 0 ? "0" : `${errors}: ${inCell(firstError ?? "")}`,
  ];
}

function failureCells(reason: string): string[] {
  return [...Array<string>(6).fill(NOTHING), "0", `failed: ${inCell(reason)}`];
}

const CELL_LENGTH_MAX = 200;

function inCell(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").slice(0, CELL_LENGTH_MAX);
}

function table(header: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) =>
    Math.max(...[header, ...body].map((cells) => cells[column]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(header), line(rule), ...body.map(line)].join("\n");
}
