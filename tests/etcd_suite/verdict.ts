/** From what a Go test printed to what it means for Rhino. Pure. */

import type { GoResult } from "./go_output.ts";
import { entryOf, type NotApplicable } from "./not_applicable.ts";

export interface Verdict {
  readonly passed: number;
  readonly notApplicable: number;
  /** Left out by etcd itself. */
  readonly skipped: number;
  /** One text for each that is not as it should be. */
  readonly failures: readonly string[];
  /** Entries of the list that named something. */
  readonly used: readonly NotApplicable[];
}

export function judge(results: readonly GoResult[], entries: readonly NotApplicable[]): Verdict {
  const failures: string[] = [];
  const used = new Set<NotApplicable>();
  const counts = { passed: 0, notApplicable: 0, skipped: 0 };
  for (const { name, outcome, output } of results) {
    const entry = entryOf(entries, name);
    if (entry !== undefined) used.add(entry);
    if (outcome === "skipped") counts.skipped++;
    else if (entry === undefined && outcome === "passed") counts.passed++;
    else if (entry === undefined) failures.push(`${name} failed:\n${output}`);
    else if (outcome === "failed") counts.notApplicable++;
    else failures.push(`${name} passes: take "${entry.tests}" off the list of what does not apply`);
  }
  return { ...counts, failures, used: [...used] };
}
