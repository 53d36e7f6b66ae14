import assert from "node:assert/strict";
import { readGoOutput } from "./go_output.ts";
import { entryOf, type NotApplicable } from "./not_applicable.ts";
import { judge } from "./verdict.ts";

const OUTPUT = `=== RUN   TestPut
=== RUN   TestPut/NoTLS
    logger.go:146: 2026-01-01T00:00:00.000Z	INFO	started server.
=== RUN   TestPut/TLS
    put_test.go:1: no server
--- FAIL: TestPut (0.62s)
    --- PASS: TestPut/NoTLS (0.31s)
    --- FAIL: TestPut/TLS (0.31s)
=== RUN   TestDowngrade
--- SKIP: TestDowngrade (0.00s)
FAIL
`;

function outcomes(output: string) {
  return readGoOutput(output).map(({ name, outcome }) => [name, outcome]);
}

Deno.test("readGoOutput() gives the tests that have no parts, with what they printed", () => {
  assert.deepEqual(readGoOutput(OUTPUT), [
    { name: "TestPut/NoTLS", outcome: "passed", output: "" },
    { name: "TestPut/TLS", outcome: "failed", output: "    put_test.go:1: no server" },
    { name: "TestDowngrade", outcome: "skipped", output: "" },
  ]);
});

Deno.test("readGoOutput() takes a test that never ended for failed", () => {
  const output = "=== RUN   TestA\n=== RUN   TestA/x\n--- PASS: TestA/x (0.00s)\n";
  assert.deepEqual(outcomes(`${output}=== RUN   TestA/y\n`), [
    ["TestA/x", "passed"],
    ["TestA/y", "failed"],
  ]);
});

Deno.test("readGoOutput() keeps a failure that no part explains", () => {
  const output = "=== RUN   TestA\n=== RUN   TestA/x\n--- FAIL: TestA (0.00s)\n";
  assert.deepEqual(outcomes(`${output}    --- PASS: TestA/x (0.00s)\n`), [
    ["TestA", "failed"],
    ["TestA/x", "passed"],
  ]);
});

const ENTRY: NotApplicable = { tests: "*/TLS", reason: "a reason" };

Deno.test("entryOf() names a test, and all below it", () => {
  for (const name of ["TestPut/TLS", "TestPut/a/TLS", "TestPut/TLS/a"]) {
    assert.equal(entryOf([ENTRY], name), ENTRY, name);
  }
  for (const name of ["TestPut", "TestPut/TLSv3", "TestPut/NoTLS"]) {
    assert.equal(entryOf([ENTRY], name), undefined, name);
  }
});

Deno.test("judge() counts what is listed and fails as not applicable", () => {
  const { failures, used, ...counts } = judge(readGoOutput(OUTPUT), [ENTRY]);
  assert.deepEqual(counts, { passed: 1, notApplicable: 1, skipped: 1 });
  assert.deepEqual(failures, []);
  assert.deepEqual(used, [ENTRY]);
});

Deno.test("judge() fails what is not listed and fails, and what is listed and passes", () => {
  const entry = { tests: "TestPut/NoTLS", reason: "a reason" };
  const { failures } = judge(readGoOutput(OUTPUT), [entry]);
  assert.equal(failures.length, 2);
  assert.match(failures[0] ?? "", /^TestPut\/NoTLS passes/);
  assert.match(failures[1] ?? "", /^TestPut\/TLS failed:\n.*no server$/);
});
