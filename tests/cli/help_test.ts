/** Texts made from the flag table. `deno task golden` rewrites what they are compared with. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };
import { configurationMarkdown } from "../../src/cli/help.ts";
import { runRhino } from "./rhino_process.ts";

function assertGolden(path: string, text: string): void {
  const file = fileURLToPath(new URL(path, import.meta.url));
  if (Deno.env.get("UPDATE_GOLDEN") === "1") Deno.writeTextFileSync(file, text);
  assert.equal(text, Deno.readTextFileSync(file), `${path} differs; deno task golden rewrites it`);
}

Deno.test("--help prints every flag with its default and its variable", async () => {
  const { code, stdout, stderr } = await runRhino({ args: ["--help"] });
  assert.deepEqual([code, stderr], [0, ""]);
  assertGolden("help.golden.txt", stdout);
});

Deno.test("--version prints etcd's four lines, and Rhino's", async () => {
  const { code, stdout, stderr } = await runRhino({ args: ["--version"] });
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = stdout.split("\n");
  assert.equal(lines[0], "etcd Version: 3.7.1");
  assert.deepEqual(lines.map((line) => line.split(":")[0]), [
    "etcd Version",
    "Git SHA",
    "Go Version",
    "Go OS/Arch",
    "rhino Version",
    "",
  ]);
  assert.equal(lines[4], `rhino Version: ${project.version}`);
});

Deno.test("docs/configuration.md says what the flag table says", () => {
  assertGolden("../../docs/configuration.md", configurationMarkdown());
});
