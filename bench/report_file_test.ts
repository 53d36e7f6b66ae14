import assert from "node:assert/strict";
import { withSection } from "./report_file.ts";

Deno.test("a section takes the place of the last one of its store, in the order of the stores", () => {
  const first = withSection("", "## On MariaDB\n\n- old\n");
  const second = withSection(first, "## Growth on SQLite\n\n- grown\n");
  const third = withSection(second, "## On SQLite\n\n### Rows\n\n- rows\n");
  const text = withSection(third, "## On MariaDB\n\n- new\n");
  const headings = text.split("\n").filter((line) => line.startsWith("#"));
  assert.deepEqual(headings, [
    "# Benchmark",
    "## On SQLite",
    "### Rows",
    "## On MariaDB",
    "## Growth on SQLite",
  ]);
  assert.ok(!text.includes("- old"));
  assert.ok(text.endsWith("- grown\n"));
});

Deno.test("writing the same section again changes nothing", () => {
  const text = withSection("", "## On SQLite\n\n- rows\n");
  assert.equal(withSection(text, "## On SQLite\n\n- rows\n"), text);
});
