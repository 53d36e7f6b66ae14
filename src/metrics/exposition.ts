/** Families of metrics as Prometheus' text. The library keeps no number of its own: it asks when somebody asks it. */

import { Gauge, type MetricType, Registry } from "prom-client";
import type { Family, Labels } from "./family.ts";
import type { Tally } from "./tally.ts";

export interface Exposition {
  readonly contentType: string;
  text(): Promise<string>;
}

export function createExposition(families: Iterable<Family>): Exposition {
  const registry = new Registry();
  for (const family of families) registry.registerMetric(new FamilyMetric(family));
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

/** One line of the text. */
interface Line {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/** Of any type: a histogram of the library cannot be given counts that were made elsewhere. */
class FamilyMetric extends Gauge {
  readonly #family: Family;

  constructor(family: Family) {
    const { name, help, labels } = family;
    super({ name, help, labelNames: labels, registers: [] });
    this.#family = family;
  }

  override async get() {
    return {
      ...await super.get(),
      // The library's own types are strings at run time, whatever it declares.
      type: this.#family.type as unknown as MetricType,
      values: linesOf(this.#family),
    };
  }
}

function linesOf(family: Family): Line[] {
  if (family.type !== "histogram") return [...family.read()];
  const { name } = family;
  return Array.from(family.read(), ({ labels, tally }) => tallyLines({ name, labels, tally }))
    .flat();
}

function tallyLines(
  { name, labels, tally }: { name: string; labels: Labels; tally: Tally },
): Line[] {
  const metricName = `${name}_bucket`;
  const counts = tally.cumulative();
  const buckets = tally.bounds.map((bound, at) => ({
    metricName,
    labels: { ...labels, le: numberText(bound) },
    value: counts[at] ?? 0,
  }));
  return [
    ...buckets,
    { metricName, labels: { ...labels, le: "+Inf" }, value: tally.count },
    { metricName: `${name}_sum`, labels, value: tally.sum },
    { metricName: `${name}_count`, labels, value: tally.count },
  ];
}

/** As Go writes numbers: `le` is a name of a series, so it should be the one that etcd gives it. */
export function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e6) || Number.isNaN(value)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}
