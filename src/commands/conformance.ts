/** `rhino conformance ENDPOINT`: holds any backend to the contract, and prints a report. */

import {
  type ConformanceReport,
  type FactResult,
  runConformance,
} from "../../backends/conformance/mod.ts";
import { CONTRACT_VERSION } from "../../backends/contract.ts";
import { moduleOf } from "../../backends/registry.ts";
import type { SubcommandCall } from "../cli/subcommands.ts";
import { UsageError } from "../cli/usage_error.ts";
import { redactSecrets } from "../log_text.ts";
import { createNewStores } from "./new_stores.ts";
import { print } from "./terminal.ts";

const EXIT_BROKEN = 1;
const STATUS_WIDTH = 9;
const LABELS = { ok: "ok", failed: "FAILED", skipped: "skipped" } as const;

/** Prints the report, and answers the exit code. */
export async function run({ own, config }: SubcommandCall): Promise<number> {
  const [endpoint = ""] = own.operands;
  const { filter = "", seed } = own.values;
  const isJson = own.values["json"] !== undefined;
  const choice = { ...config, endpoint };
  const { createStore } = await createNewStores({ module: await moduleOf(choice), endpoint });
  const show = isJson ? () => {} : print;
  show(
    `Conformance of ${redactSecrets(endpoint)} to version ${CONTRACT_VERSION} of the contract\n\n`,
  );
  const report = await runConformance({
    createStore,
    filter,
    ...(seed === undefined ? {} : { seed: parseSeed(seed) }),
    failFast: own.values["fail-fast"] !== undefined,
    onResult: (result) => show(redactSecrets(factText(result))),
  });
  if (isJson) print(`${redactSecrets(reportJson(report, endpoint))}\n`);
  show(`\n${verdict(report)}\n`);
  return report.failed > 0 || report.passed === 0 ? EXIT_BROKEN : 0;
}

/** @throws {UsageError} */
function parseSeed(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && seed < 2 ** 32) return seed;
  throw new UsageError(`--seed is "${text}": expected a number of the report, below 2^32`);
}

/** A line for the fact, and where it did not pass, what there is to say. */
export function factText({ name, see, status, reason, seed, ms }: FactResult): string {
  const line = `${LABELS[status].padEnd(STATUS_WIDTH)}${name}`;
  if (status === "ok") return `${line} (${Math.round(ms)} ms)\n`;
  const lines = status === "skipped" ? reason : [
    ...reason,
    `promised by the contract: ${see}`,
    ...(seed === null ? [] : [`to see it again: --seed ${seed}`]),
  ];
  return [line, ...lines].map((text, at) => `${at === 0 ? "" : " ".repeat(STATUS_WIDTH)}${text}\n`)
    .join("");
}

export function verdict({ passed, failed, skipped }: ConformanceReport): string {
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  if (failed > 0) return `${counts}: the backend breaks the contract`;
  if (passed === 0) return `${counts}: nothing was tried`;
  return `${counts}: the backend keeps the contract${skipped > 0 ? " in all that was tried" : ""}`;
}

function reportJson(report: ConformanceReport, endpoint: string): string {
  const { results, ...counts } = report;
  const facts = results.map((result) => ({ ...result, ms: Math.round(result.ms) }));
  return JSON.stringify({ endpoint, contractVersion: CONTRACT_VERSION, ...counts, facts });
}
