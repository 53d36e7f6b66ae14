/** docs/library.md says what options there are. `deno task golden` rewrites its table. */

import assert from "node:assert/strict";
import { FLAGS } from "../../src/cli/flags.ts";
import { OPTION_DEFAULTS } from "../../src/library/options.ts";

const FILE = new URL("../../docs/library.md", import.meta.url);
const [BEGIN, END] = ["<!-- options: begin -->\n", "<!-- options: end -->\n"];

/** Types and defaults that the values themselves do not tell. */
const TOLD: Readonly<Record<string, readonly [type: string, byDefault: string]>> = {
  listenClientUrls: ["string, or array of strings", "`127.0.0.1:0`"],
  listenClientHttpUrls: ["string, or array of strings", "none"],
  listenMetricsUrls: ["string, or array of strings", "none"],
  backends: ["object: scheme → URL or module", "none"],
  featureGates: ["object: name → boolean", "etcd's"],
  autoCompaction: [
    '`{ mode: "off" }`, `{ mode: "periodic", periodMs }` or `{ mode: "revision", revisions }`',
    "by `compactIntervalMs`",
  ],
  log: ["function; see `createLog`", "writes nothing"],
};

/** Flags that go by other names than their option's. */
const FLAGS_OF: Readonly<Record<string, string>> = {
  autoCompaction: "`--auto-compaction-mode`, `--auto-compaction-retention`",
  log: "",
};

function rowOf([name, value]: [string, unknown]): string {
  const type = Array.isArray(value) ? "array of strings" : typeof value;
  const empty = value === "" || (Array.isArray(value) && value.length === 0);
  const told = TOLD[name] ?? [type, empty ? "none" : `\`${JSON.stringify(value)}\``];
  const flag = FLAGS.find(({ key }) => key === name);
  return `| \`${name}\` | ${told.join(" | ")} | ${
    FLAGS_OF[name] ?? (flag === undefined ? "" : `\`--${flag.name}\``)
  } |`;
}

Deno.test("docs/library.md lists every option with its type, default and flag", () => {
  const table = [
    "| option | type | default | flag |",
    "| --- | --- | --- | --- |",
    ...Object.entries(OPTION_DEFAULTS).map(rowOf),
    "",
  ].join("\n");
  const text = Deno.readTextFileSync(FILE);
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  assert.ok(from >= BEGIN.length && to >= from, "docs/library.md has lost its markers");
  const expected = text.slice(0, from) + table + text.slice(to);
  if (Deno.env.get("UPDATE_GOLDEN") === "1") Deno.writeTextFileSync(FILE, expected);
  const message = "docs/library.md differs; deno task golden rewrites it";
  assert.equal(Deno.readTextFileSync(FILE), expected, message);
});
