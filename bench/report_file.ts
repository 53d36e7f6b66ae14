/** The report as a whole: a section for each store and kind of run, each as its last run has left it. */

import { growthTitle } from "./growth_report.ts";
import { sectionTitles } from "./report.ts";
import { STORE_NAMES } from "./stores.ts";

const INTRODUCTION = `# Benchmark

Each section is one run on one machine; [README.md](README.md) tells how to make it.

- **Ratios** are Rhino's figure divided by the peer's, both of the same round: the median of the rounds, and the least
  and the greatest. More is better for rates, less for p50, RSS and CPU.
- An operation of a **row** is a request, a whole list, or an event that reached one watcher. MB are 10⁶ bytes. CPU is
  that of the server, and beside it that of the database server with all of its processes, if there is one.
`;

/** In the order of the report; what has another title is left out. */
const TITLES: readonly string[] = [
  ...STORE_NAMES.flatMap(sectionTitles),
  ...STORE_NAMES.map(growthTitle),
];

/** The report with a section in the place of the one with its title, or else added. */
export function withSection(report: string, section: string): string {
  const sections = new Map(
    [...sectionsOf(report), section].map((text) => [titleOf(text), text.trimEnd()]),
  );
  const inOrder = TITLES.map((title) => sections.get(title)).filter((text) => text !== undefined);
  return [INTRODUCTION, ...inOrder.map((text) => `${text}\n`)].join("\n");
}

function sectionsOf(report: string): string[] {
  return report.split(/^(?=## )/m).filter((text) => text.startsWith("## "));
}

function titleOf(section: string): string {
  return section.slice("## ".length).split("\n", 1)[0] ?? "";
}
