/** The examples in the comments of what a program imports are programs that run. */

import assert from "node:assert/strict";
import { ROOT } from "../tidy/source_tree.ts";

const FILES = ["src/mod.ts", "src/testing.ts", "src/library"];

Deno.test("the examples in the library's comments run", async () => {
  const cwd = await Deno.makeTempDir();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // Types are checked elsewhere: here each example gets imports that it does not use.
    args: [
      "test",
      "--doc",
      "--no-check",
      "-A",
      `--config=${ROOT}deno.json`,
      ...FILES.map((file) => ROOT + file),
    ],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, text);
  assert.match(text, /ok \| [4-9] passed/);
  await Deno.remove(cwd, { recursive: true });
});
