/** `deno task bench`: Rhino, etcd and kine on the same work; bench/README.md says how to read it. */

import { helpText, type Options, parseOptions } from "./options.ts";
import { reportText } from "./report.ts";
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
    const run = await runBenchmark(options, { onRow: printProgress, onLeftOut: printError });
    const text = reportText(run);
    print(`\n${text}`);
    if (options.report) await Deno.writeTextFile(REPORT_URL, text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    printError(`Cannot run the benchmark: ${error.message}`);
    Deno.exit(EXIT_FAILED);
  }
  Deno.exit();
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

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function printError(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) await main();
