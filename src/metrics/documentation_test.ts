/** docs/metrics.md says what is told. `deno task golden` rewrites its table. */

import assert from "node:assert/strict";
import type { Family } from "./family.ts";
import { startMetrics } from "./testing/metrics_rig.ts";

const FILE = new URL("../../docs/metrics.md", import.meta.url);
const [BEGIN, END] = ["<!-- table: begin -->\n", "<!-- table: end -->\n"];

/** Names that all who export to Prometheus have. */
const SHARED = /^(process|os)_/;

function rowOf({ name, type, labels, help, note }: Family): string {
  const whose = name.startsWith("rhino_") ? "Rhino's" : SHARED.test(name) ? "shared" : "etcd's";
  const meaning = note === undefined ? help : `${help.replace(/\.$/, "")}. Here: ${note}`;
  return `| ${
    [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(", "), meaning, whose].join(
      " | ",
    )
  } |`;
}

Deno.test("docs/metrics.md lists every metric with its type, labels and meaning", async () => {
  await using rig = await startMetrics({ metrics: "extensive" });
  const table = [
    "| name | type | labels | meaning | whose |",
    "| --- | --- | --- | --- | --- |",
    ...rig.metrics.families.map(rowOf),
    "",
  ].join("\n");
  const text = Deno.readTextFileSync(FILE);
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  assert.ok(from >= BEGIN.length && to >= from, "docs/metrics.md has lost its markers");
  const expected = text.slice(0, from) + table + text.slice(to);
  if (Deno.env.get("UPDATE_GOLDEN") === "1") Deno.writeTextFileSync(FILE, expected);
  const message = "docs/metrics.md differs; deno task golden rewrites it";
  assert.equal(Deno.readTextFileSync(FILE), expected, message);
});
