/** `deno task bench`: Rhino, etcd and kine on the same work; bench/README.md says how to read it. */

import { type GrowthStep, runGrowth } from "./growth.ts";
import { growthText } from "./growth_report.ts";
import { helpText, type Options, parseOptions } from "./options.ts";
import { sectionText } from "./report.ts";
import { withSection } from "./report_file.ts";
import type { Row } from "./rounds.ts";
import { runBenchmark } from "./run.ts";

const REPORT_URL = new URL("./report.md", import.meta.url);

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

async function main(): Promise<void> {
  const options = readOptions();
  if (options.help) return print(helpText());
  // By exiting rather than dying: the servers, paused or not, are then ended too.
  Deno.addSignalListener("SIGINT", () => Deno.exit(EXIT_INTERRUPTED));
  Deno.addSignalListener("SIGTERM", () => Deno.exit(EXIT_INTERRUPTED));
  try {
    const section = await runSection(options);
    print(`\n${withSection("", section)}`);
    if (options.report) await updateReport(section);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    printError(`Cannot run the benchmark: ${error.message}`);
    Deno.exit(EXIT_FAILED);
  }
  Deno.exit();
}

async function runSection(options: Options): Promise<string> {
  const { growth } = options;
  if (growth !== undefined) {
    return growthText(await runGrowth({ ...options, growth, onStep: printStep }));
  }
  return sectionText(
    await runBenchmark(options, { onRow: printProgress, onLeftOut: printError }),
  );
}

/** Sections of other stores stay as they are. */
async function updateReport(section: string): Promise<void> {
  const report = await Deno.readTextFile(REPORT_URL);
  await Deno.writeTextFile(REPORT_URL, withSection(report, section));
}

function readOptions(): Options {
  try {
    return parseOptions(Deno.args);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    printError(`Cannot run the benchmark: ${error.message}`);
    Deno.exit(EXIT_USAGE);
  }
}

function printProgress({ round, workload, server, outcome }: Row): void {
  const seen = typeof outcome === "string"
    ? `failed: ${outcome}`
    : `${outcome.ok} operations, ${outcome.errors} errors`;
  printError(`round ${round}: ${workload.title}: ${server}: ${seen}`);
}

function printStep({ updates, result, parts }: GrowthStep): void {
  const megabytes = parts.reduce((total, { bytes }) => total + bytes, 0) / 1e6;
  const rate = result.perSecond.toFixed(0);
  printError(`${updates} updates: ${rate} a second, ${megabytes.toFixed(1)} MB`);
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function printError(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) await main();
