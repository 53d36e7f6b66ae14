/** Reads Prometheus' text format as strictly as it is specified, so that a test sees what a scraper would refuse. */

import assert from "node:assert/strict";

export interface ParsedFamily {
  readonly help: string;
  readonly type: string;
  /** Names of labels, but for `le`. */
  readonly labels: Set<string>;
}

export interface ParsedExposition {
  readonly families: ReadonlyMap<string, ParsedFamily>;
  /** A series, such as `a_total{x="y"}` with its labels by name, → its value. */
  readonly values: ReadonlyMap<string, number>;
}

type Labels = Readonly<Record<string, string>>;

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const COMMENT = /^# (HELP|TYPE) (\S+) (.*)$/;
const SERIES = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/y;
const NUMBER = /^(?:[+-]Inf|NaN|[+-]?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/;

/** The name under which `values` has a series. */
export function seriesName(name: string, labels: Labels = {}): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? name : `${name}{${pairs.join()}}`;
}

/** @throws {AssertionError} if the text is not as it must be */
export function parseExposition(text: string): ParsedExposition {
  assert.ok(text.endsWith("\n"), "the last line has no end");
  const families = new Map<string, ParsedFamily>();
  const values = new Map<string, number>();
  let current = "";
  let help = "";
  for (const line of text.slice(0, -1).split("\n")) {
    if (line === "") continue;
    const [, keyword, name = "", rest = ""] = COMMENT.exec(line) ?? [];
    if (keyword === "HELP") {
      help = rest;
    } else if (keyword === "TYPE") {
      assert.match(name, NAME);
      assert.ok(!families.has(name), `${name} comes twice`);
      families.set(name, { help, type: rest, labels: new Set() });
      current = name;
    } else {
      const family = families.get(current);
      assert.ok(family !== undefined, `a series before any family: ${line}`);
      readSeries(line, { name: current, family, values });
    }
  }
  checkHistograms(families, values);
  return { families, values };
}

function readSeries(
  line: string,
  { name, family, values }: { name: string; family: ParsedFamily; values: Map<string, number> },
): void {
  const [, series = "", labelText = "", value = ""] = SERIES.exec(line) ?? [];
  assert.match(value, NUMBER, line);
  const isCompound = family.type === "histogram" || family.type === "summary";
  const names = isCompound ? ["_bucket", "_sum", "_count", ""].map((end) => name + end) : [name];
  assert.ok(names.includes(series), `${series} stands below ${name}`);
  const labels = readLabels(labelText);
  for (const label of Object.keys(labels)) if (label !== "le") family.labels.add(label);
  const id = seriesName(series, labels);
  assert.ok(!values.has(id), `${id} comes twice`);
  values.set(id, value.endsWith("Inf") ? Infinity : Number(value));
}

function readLabels(text: string): Labels {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const at = LABEL.lastIndex;
    const [, label, value = ""] = LABEL.exec(text) ?? [];
    assert.ok(label !== undefined, `no label at ${text.slice(at)}`);
    labels[label] = value.replace(/\\(.)/g, (_, character) => character === "n" ? "\n" : character);
  }
  return labels;
}

/** Buckets must not fall, and the last is the count. */
function checkHistograms(
  families: ReadonlyMap<string, ParsedFamily>,
  values: ReadonlyMap<string, number>,
): void {
  for (const [name, { type }] of families) {
    if (type !== "histogram") continue;
    const last = new Map<string, number>();
    for (const [id, value] of values) {
      if (!id.startsWith(`${name}_bucket{`)) continue;
      const rest = id.slice(`${name}_bucket`.length).replace(/,?le="[^"]*"/, "").replace("{}", "");
      const series = rest.replace("{,", "{");
      assert.ok(value >= (last.get(series) ?? 0), `${id} falls`);
      last.set(series, value);
    }
    for (const [series, value] of last) {
      assert.equal(values.get(`${name}_count${series}`), value, `${name}_count${series}`);
      assert.ok(values.has(`${name}_sum${series}`), `${name}_sum${series} is missing`);
    }
  }
}
