/** What a run has measured, as a section of the report. */

import { inCell, NOTHING, numberCell, table } from "./markdown_table.ts";
import { type Figure, isBarMet, judged, ratio, type Spread } from "./ratios.ts";
import type { Row } from "./rounds.ts";
import type { Contender, ServerName } from "./servers.ts";
import { HALVES, ONE_SERVER, TWO_SERVERS } from "./sharing.ts";
import type { Sizes } from "./sizes.ts";
import { STORE_TITLES, type StoreName } from "./stores.ts";
import { type Bar, MEMORY, READY, type Workload, WORKLOADS } from "./workloads.ts";

export interface Run {
  readonly store: StoreName;
  /** 0 for kine's own default, which is no limit. */
  readonly kineConnections: number;
  readonly date: Date;
  readonly machine: string;
  /** The database server, if the store has one. */
  readonly engine: string | undefined;
  readonly contenders: readonly Contender[];
  /** Why a server that was asked for is not there. */
  readonly leftOut: readonly string[];
  readonly rounds: number;
  readonly sizes: Sizes;
  /** Whether the sizes are those that the bars are stated for. */
  readonly isFull: boolean;
  readonly rows: readonly Row[];
}

const MEASURES = {
  perSecond: "rate",
  p50Ms: "p50",
  rssMb: "RSS",
} satisfies Record<Workload["measure"], string>;

const REPORTED: readonly Workload[] = [
  ...WORKLOADS,
  ONE_SERVER,
  TWO_SERVERS,
  ...HALVES,
  READY,
  MEMORY,
];

/** Peers with which there is nothing to compare: only Rhino does these. */
const WITHOUT_PEERS = new Set<Workload>([ONE_SERVER, ...HALVES]);

/** The titles of a store's sections: kine as it comes, and with a limit to its connections. */
export function sectionTitles(store: StoreName): string[] {
  return [false, true].map((isKineLimited) => `On ${placeOf(store, isKineLimited)}`);
}

function placeOf(store: StoreName, isKineLimited: boolean): string {
  return STORE_TITLES[store] + (isKineLimited ? ", kine's connections limited" : "");
}

export function sectionText(run: Run): string {
  const place = placeOf(run.store, run.kineConnections > 0);
  return [
    `## On ${place}\n`,
    ...facts(run).map((fact) => `- ${fact}`),
    "",
    `### Ratios on ${place}\n`,
    ratioTable(run),
    "",
    `### Rows on ${place}\n`,
    rowTable(run.rows),
    "",
  ].join("\n");
}

function facts(run: Run): string[] {
  const sizes = Object.entries(run.sizes).map(([name, size]) => `${name} ${size}`).join(", ");
  return [
    `${run.date.toISOString().slice(0, 10)}, ${run.rounds} round${run.rounds === 1 ? "" : "s"}`,
    `machine: ${run.machine}`,
    ...(run.engine === undefined ? [] : [run.engine]),
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

/** A column for each peer that took part; the database server's time only of those that use it. */
function ratioTable({ rows, store, contenders }: Run): string {
  const others = contenders.filter(({ name }) => name !== "rhino");
  const peers = others.map(({ name }) => name);
  const sharers = store === "sqlite"
    ? []
    : others.filter(({ usesStore }) => usesStore).map(({ name }) => name);
  const header = [
    "workload",
    "figure",
    ...peers.map((peer) => `Rhino ÷ ${peer}`),
    ...peers.map((peer) => `CPU/op ÷ ${peer}`),
    ...sharers.map((peer) => `database CPU/op ÷ ${peer}`),
    "bar",
    "met",
  ];
  const workloads = REPORTED.filter((workload) =>
    !WITHOUT_PEERS.has(workload) && rows.some((row) => row.workload === workload)
  );
  return table(
    header,
    workloads.map((workload) => {
      const { measure } = workload;
      const against = (peer: ServerName, figure: Figure) =>
        isSingle(workload) && figure !== measure
          ? NOTHING
          : spreadText(ratio(rows, { workload, figure, peer }));
      return [
        workload.title,
        MEASURES[measure],
        ...peers.map((peer) => against(peer, measure)),
        ...peers.map((peer) => against(peer, "cpuUsPerOp")),
        ...sharers.map((peer) => against(peer, "dbCpuUsPerOp")),
        barText(rows, { workload, bar: workload.bars?.[store] }),
        metText(isBarMet(rows, { workload, store })),
      ];
    }),
  );
}

function barText(
  rows: readonly Row[],
  { workload, bar }: { readonly workload: Workload; readonly bar: Bar | undefined },
): string {
  if (bar === undefined) return NOTHING;
  const bound = "atLeast" in bar ? `≥ ${bar.atLeast}` : `≤ ${bar.atMost}`;
  if (bar.kind === "times peer") return `${bound} × ${bar.peer}`;
  const found = judged(rows, { workload, bar });
  if (bar.kind === "times workload") {
    const foundText = found === undefined ? "" : `: ${spreadText(found)}`;
    return `${bound} × ${bar.base.title}${foundText}`;
  }
  const unit = workload.measure === "rssMb" ? "MB" : "ms";
  return `${bound} ${unit}${found === undefined ? "" : ` (${found.median.toFixed(0)})`}`;
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
    "database µs/op",
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
  const perOperation = isSingle(workload)
    ? { rate: null, cpu: null, database: null }
    : { rate: outcome.perSecond, cpu: outcome.cpuUsPerOp, database: outcome.dbCpuUsPerOp };
  return [
    ...subject,
    numberCell(perOperation.rate, 0),
    numberCell(outcome.p50Ms, 2),
    numberCell(outcome.p99Ms, 2),
    numberCell(perOperation.cpu, 1),
    numberCell(perOperation.database, 1),
    numberCell(outcome.rssMb, 0),
    numberCell(outcome.peakRssMb, 0),
    String(ok),
    errors === 0 ? "0" : `${errors}: ${inCell(firstError ?? "")}`,
  ];
}

function failureCells(reason: string): string[] {
  return [...Array<string>(7).fill(NOTHING), "0", `failed: ${inCell(reason)}`];
}
