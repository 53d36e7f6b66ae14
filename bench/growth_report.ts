/** What a run about growth has found, as a section of the report. */

import { GROWTH_FLAGS, type GrowthRun, type GrowthStep } from "./growth.ts";
import { NOTHING, numberCell, table } from "./markdown_table.ts";
import type { StorePart } from "./store_parts.ts";
import { STORE_TITLES, type StoreName } from "./stores.ts";

export function growthTitle(store: StoreName): string {
  return `Growth on ${STORE_TITLES[store]}`;
}

export function growthText(run: GrowthRun): string {
  return [
    `## ${growthTitle(run.store)}\n`,
    ...facts(run).map((fact) => `- ${fact}`),
    "",
    speedTable(run.steps),
    "",
    sizeTable(run.steps),
    "",
  ].join("\n");
}

function facts({ date, machine, engine, rhino, sizes, clients, valueBytes }: GrowthRun): string[] {
  return [
    date.toISOString().slice(0, 10),
    `machine: ${machine}`,
    ...(engine === undefined ? [] : [engine]),
    `${rhino}; ${GROWTH_FLAGS.map((flag) => `\`${flag}\``).join(" ")}`,
    `${sizes.updates} updates of ${sizes.keys} keys with values of ${valueBytes} bytes by ` +
    `${clients} clients; the store is looked at between two updates, without a rest`,
  ];
}

function speedTable(steps: readonly GrowthStep[]): string {
  const header = ["updates", "ops/s", "p50 ms", "p99 ms", "CPU µs/op", "database µs/op", "RSS MB"];
  return table(
    header,
    steps.map(({ updates, result }) => [
      `to ${updates}`,
      numberCell(result.perSecond, 0),
      numberCell(result.p50Ms, 2),
      numberCell(result.p99Ms, 2),
      numberCell(result.cpuUsPerOp, 1),
      numberCell(result.dbCpuUsPerOp, 1),
      numberCell(result.rssMb, 0),
    ]),
  );
}

function sizeTable(steps: readonly GrowthStep[]): string {
  const names = [...new Set(steps.flatMap(({ parts }) => parts.map(({ name }) => name)))];
  const hasDeadRows = steps.some(({ parts }) =>
    parts.some(({ deadRows }) => deadRows !== undefined)
  );
  const header = [
    "table or file",
    ...steps.map(({ updates }) => `MB after ${updates}`),
    ...(hasDeadRows ? steps.map(({ updates }) => `dead rows after ${updates}`) : []),
  ];
  const part = (step: GrowthStep, name: string) => step.parts.find((one) => one.name === name);
  const body = names.map((name) => [
    name,
    ...steps.map((step) => megabytes(part(step, name)?.bytes)),
    ...(hasDeadRows ? steps.map((step) => numberCell(part(step, name)?.deadRows, 0)) : []),
  ]);
  const total = [
    "total",
    ...steps.map(({ parts }) => megabytes(sumOf(parts, "bytes"))),
    ...(hasDeadRows ? steps.map(({ parts }) => numberCell(sumOf(parts, "deadRows"), 0)) : []),
  ];
  return table(header, [...body, total]);
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? NOTHING : (bytes / 1e6).toFixed(2);
}

function sumOf(parts: readonly StorePart[], figure: "bytes" | "deadRows"): number {
  return parts.reduce((total, part) => total + (part[figure] ?? 0), 0);
}
