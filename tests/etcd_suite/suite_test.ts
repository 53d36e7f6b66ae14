/**
 * etcd's own tests (the package `tests/common`), as etcd runs them against its executables, with Rhino in etcd's place. They
 * use the ports from 20000 on, so there is one run at a time.
 */

import assert from "node:assert/strict";
import { whyNoOracle } from "../support/oracle.ts";
import { testTargets } from "../support/targets.ts";
import { makeBinDir, type SuiteTarget } from "./bin_dir.ts";
import { type GoResult, readGoOutput } from "./go_output.ts";
import { entriesFor, entryOf, type NotApplicable } from "./not_applicable.ts";
import { type TestBinary, testBinary } from "./test_binary.ts";
import { judge, type Verdict } from "./verdict.ts";

/** The longest one starts three servers two dozen times. */
const TEST_MS_MAX = 6 * 60_000;

const WHY_NOT = await whyNoOracle();

if (WHY_NOT === undefined) await registerAll();
else Deno.test({ name: `etcd's own tests (ignored: ${WHY_NOT})`, ignore: true, fn() {} });

async function registerAll(): Promise<void> {
  const binary = await testBinary("common");
  const isKine = Deno.env.get("RHINO_TEST_TARGETS") === "kine";
  for (const target of isKine ? ["kine" as const] : testTargets()) register(target, binary);
}

function register(target: SuiteTarget, binary: TestBinary): void {
  const entries = entriesFor(target);
  const unused = new Set(entries);
  const verdicts: Verdict[] = [];
  for (const name of binary.names) {
    const reason = entryOf(entries, name)?.reason;
    const title = reason === undefined ? "" : ` does not apply: ${reason}`;
    Deno.test(`${target}: etcd's ${name}${title}`, async () => {
      const verdict = judge(await runTest(target, { binary, name }), entries);
      verdicts.push(verdict);
      for (const entry of verdict.used) unused.delete(entry);
      assert.equal(verdict.failures.length, 0, `\n${verdict.failures.join("\n\n")}\n`);
    });
  }
  Deno.test(`${target}: etcd's tests include every one that is listed as not applicable`, () => {
    report(target, verdicts);
    // Some of them were filtered out.
    if (verdicts.length < binary.names.length) return;
    assert.deepEqual([...unused].map(({ tests }: NotApplicable) => tests), []);
  });
}

/** Each in a process of its own: one that panics or hangs takes no other along. */
async function runTest(
  target: SuiteTarget,
  { binary, name }: { readonly binary: TestBinary; readonly name: string },
): Promise<GoResult[]> {
  await using bin = await makeBinDir(target);
  await Deno.mkdir(`${bin.path}/tmp`);
  const result = await new Deno.Command(binary.path, {
    args: [
      `-bin-dir=${bin.path}`,
      "-test.v",
      `-test.timeout=${TEST_MS_MAX}ms`,
      `-test.run=^${name}$`,
    ],
    cwd: binary.dir,
    env: { TMPDIR: `${bin.path}/tmp` },
    stdin: "null",
    // Go ends it before, and tells where it stood.
    signal: AbortSignal.timeout(TEST_MS_MAX + 30_000),
  }).output();
  const decoder = new TextDecoder();
  const results = readGoOutput(decoder.decode(result.stdout));
  const isExplained = results.some(({ outcome }) => outcome === "failed");
  if (result.success || isExplained) return results;
  const output = decoder.decode(result.stderr);
  return [...results, {
    name,
    outcome: "failed",
    output: `it ended with code ${result.code}:\n${output}`,
  }];
}

function report(target: SuiteTarget, verdicts: readonly Verdict[]): void {
  const sum = (count: (verdict: Verdict) => number) =>
    verdicts.reduce((total, verdict) => total + count(verdict), 0);
  const line = `etcd's own tests on ${target}: ${sum(({ passed }) => passed)} passed, ` +
    `${sum(({ failures }) => failures.length)} failed, ` +
    `${sum(({ notApplicable }) => notApplicable)} not applicable, ` +
    `${sum(({ skipped }) => skipped)} skipped by etcd`;
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
