/** Reads what a Go test executable prints with `-test.v`. */

export type Outcome = "passed" | "failed" | "skipped";

export interface GoResult {
  /** With the names of the tests that it is a part of: `TestKVPut/NoTLS`. */
  readonly name: string;
  readonly outcome: Outcome;
  /** What it printed, without the log of its servers. */
  readonly output: string;
}

const OUTCOMES = { PASS: "passed", FAIL: "failed", SKIP: "skipped" } as const;
const RESULT_LINE = /^\s*--- (PASS|FAIL|SKIP): (\S+) \(\d+\.\d+s\)$/;
const START_LINE = /^=== (?:RUN|CONT|NAME)\s+(\S+)$/;
/** What the framework logs of its own doings, and what Go prints at the end of all. */
const NOISE = /^\s*logger\.go:\d+:|^(PASS|FAIL|ok|exit status)\b|^\s*$/;

/** Lines that are shown of one test; the last ones say what was wrong. */
const OUTPUT_LINES_MAX = 60;

/**
 * Results of the tests that have no parts, in order; also of one that failed although no part of it did. A test that began
 * and never ended has failed: the executable panicked, or was ended.
 */
export function readGoOutput(text: string): GoResult[] {
  const outputs = new Map<string, string[]>();
  const outcomes = new Map<string, Outcome>();
  let current: string[] = [];
  for (const line of text.split("\n")) {
    const started = START_LINE.exec(line)?.[1];
    const result = RESULT_LINE.exec(line);
    if (started !== undefined) {
      current = outputs.get(started) ?? [];
      outputs.set(started, current);
    } else if (result !== null) {
      const [, word, name = ""] = result;
      outcomes.set(name, OUTCOMES[word as keyof typeof OUTCOMES]);
    } else if (!NOISE.test(line)) {
      current.push(line);
    }
  }
  const names = [...outputs.keys()];
  return names
    .map((name) => ({
      name,
      outcome: outcomes.get(name) ?? "failed",
      output: (outputs.get(name) ?? []).slice(-OUTPUT_LINES_MAX).join("\n"),
    }))
    .filter(({ name, outcome }, _index, all) => {
      const parts = all.filter((other) => other.name.startsWith(`${name}/`));
      return parts.length === 0 ||
        outcome === "failed" && parts.every((part) => part.outcome !== "failed");
    });
}
