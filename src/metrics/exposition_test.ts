import assert from "node:assert/strict";
import { createExposition, numberText } from "./exposition.ts";
import type { Family } from "./family.ts";
import { Tally } from "./tally.ts";
import { parseExposition, seriesName } from "./testing/parsed_exposition.ts";

Deno.test("createExposition() writes families as Prometheus reads them", async () => {
  const tally = new Tally([0.5, 1]);
  for (const value of [0.25, 1, 2]) tally.observe(value);
  const families: Family[] = [
    {
      name: "a_total",
      help: "Counts.",
      type: "counter",
      labels: ["x"],
      read: () => [{ labels: { x: "y" }, value: 3 }, { labels: { x: "z" }, value: 0 }],
    },
    {
      name: "b_seconds",
      help: "Times.",
      type: "histogram",
      labels: [],
      read: () => [{ labels: {}, tally }],
    },
    { name: "c", help: "Unknown just now.", type: "gauge", labels: [], read: () => [] },
  ];
  assert.equal(
    await createExposition(families).text(),
    `# HELP a_total Counts.
# TYPE a_total counter
a_total{x="y"} 3
a_total{x="z"} 0

# HELP b_seconds Times.
# TYPE b_seconds histogram
b_seconds_bucket{le="0.5"} 1
b_seconds_bucket{le="1"} 2
b_seconds_bucket{le="+Inf"} 3
b_seconds_sum 3.25
b_seconds_count 3

# HELP c Unknown just now.
# TYPE c gauge
`,
  );
});

Deno.test("createExposition() lets no label break out of its line", async () => {
  const hostile = 'a"} 1\nb_total{x="\\';
  const family: Family = {
    name: "a_total",
    help: "Two\nlines, and a \\.",
    type: "counter",
    labels: ["x"],
    read: () => [{ labels: { x: hostile }, value: 1 }],
  };
  const { values } = parseExposition(await createExposition([family]).text());
  assert.deepEqual([...values], [[seriesName("a_total", { x: hostile }), 1]]);
});

Deno.test("numberText() writes numbers as Go does", () => {
  const cases: [number, string][] = [
    [0, "0"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [999_999, "999999"],
    [1_048_576, "1.048576e+06"],
    [-2_097_152, "-2.097152e+06"],
    [1e21, "1e+21"],
    [1e100, "1e+100"],
    [2 ** 31, "2.147483648e+09"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
    [NaN, "NaN"],
  ];
  for (const [value, text] of cases) assert.equal(numberText(value), text);
});
