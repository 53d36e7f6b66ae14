import assert from "node:assert/strict";
import { Exposition, quantile } from "./exposition.ts";

const NAME = "a_seconds";

function histogram(counts: readonly number[], labels = ""): Exposition {
  const [first = 0, second = 0, all = 0] = counts;
  return new Exposition([
    "# HELP a_seconds A.",
    "# TYPE a_seconds histogram",
    `a_seconds_bucket{le="0.001"${labels}} ${first}`,
    `a_seconds_bucket{le="0.002"${labels}} ${second}`,
    `a_seconds_bucket{le="+Inf"${labels}} ${all}`,
    `a_seconds_sum${labels && `{${labels.slice(1)}}`} 1`,
    "",
  ].join("\n"));
}

Deno.test("Exposition sums series by their labels, and knows what is not there", () => {
  const text =
    'a{x="1",y="p"} 2\na{x="1",y="q"} 3.5e+2\na{x="2",y="p"} 4\nb +Inf\nc{d="q\\"\\n\\\\"} 1\n';
  const metrics = new Exposition(text);
  assert.equal(metrics.sum("a"), 356);
  assert.equal(metrics.sum("a", { x: "1" }), 352);
  assert.equal(metrics.sum("a", { x: "3" }), undefined);
  assert.equal(metrics.sum("b"), Infinity);
  assert.equal(metrics.label("c", "d"), 'q"\n\\');
});

Deno.test("quantile() is of what was counted in between, evenly within a bucket", () => {
  const of = (share: number, before: Exposition, after: Exposition) =>
    quantile(share, { before, after, name: NAME });
  const none = histogram([0, 0, 0]);
  assert.equal(of(0.5, none, histogram([100, 100, 100])), 0.0005);
  assert.equal(of(0.5, histogram([100, 100, 100]), histogram([100, 200, 200])), 0.0015);
  assert.equal(
    of(0.99, none, histogram([0, 0, 10])),
    0.002,
    "of the last bucket only its begin is known",
  );
  assert.equal(of(0.5, none, none), undefined);
});
