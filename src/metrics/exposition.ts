/** Prometheus' text format, version 0.0.4: families of metrics to lines. */

import type { Tally } from "./tally.ts";

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface TallySample {
  readonly labels: Labels;
  readonly tally: Tally;
}

interface Described {
  readonly name: string;
  /** For etcd's, its own text: some tools show it. */
  readonly help: string;
  readonly labels: readonly string[];
  /** Where Rhino counts something else than the text says. For the documentation. */
  readonly note?: string;
}

/** All series of one name. What cannot be told just now has none. */
export type Family =
  | (Described & {
    readonly type: "counter" | "gauge";
    readonly read: () => Iterable<Sample>;
  })
  | (Described & { readonly type: "histogram"; readonly read: () => Iterable<TallySample> });

/** The families as one text. */
export function exposition(families: Iterable<Family>): string {
  let text = "";
  for (const family of families) {
    const { name, help, type } = family;
    text += `# HELP ${name} ${escape(help)}\n# TYPE ${name} ${type}\n`;
    if (family.type === "histogram") {
      for (const { labels, tally } of family.read()) text += histogramLines(name, labels, tally);
    } else {
      for (const { labels, value } of family.read()) text += line(name, labelText(labels), value);
    }
  }
  return text;
}

function histogramLines(name: string, labels: Labels, tally: Tally): string {
  const own = labelText(labels);
  const before = own === "" ? "" : `${own},`;
  const counts = tally.cumulative();
  const total = tally.count;
  let text = "";
  for (const [at, bound] of tally.bounds.entries()) {
    text += line(`${name}_bucket`, `${before}le="${numberText(bound)}"`, counts[at] ?? 0);
  }
  text += line(`${name}_bucket`, `${before}le="+Inf"`, total);
  text += line(`${name}_sum`, own, tally.sum);
  return text + line(`${name}_count`, own, total);
}

function line(name: string, labels: string, value: number): string {
  return `${name}${labels === "" ? "" : `{${labels}}`} ${numberText(value)}\n`;
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escape(value).replaceAll('"', '\\"')}"`)
    .join();
}

function escape(text: string): string {
  // Hardly any has something to escape, and there are thousands.
  if (!/[\\\n]/.test(text)) return text;
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** As Go writes numbers: `le` is a name of a series, so it should be the one that etcd gives it. */
export function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e6) || Number.isNaN(value)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}
