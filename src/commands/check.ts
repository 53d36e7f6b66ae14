/** `rhino check [STORE]`: reads a whole store and tells what in it does not hold. */
import { openBackend, schemeOf } from "../../backends/registry.ts";
import { checkStore, type StoreFacts } from "../checking/check_store.ts";
import type { SubcommandCall } from "../cli/subcommands.ts";
import { UsageError } from "../cli/usage_error.ts";
import { redactSecrets } from "../log_text.ts";
import { requireStoreFile } from "../migration/sources.ts";
import { Progress } from "./progress.ts";
import { bytes as inUnits, count } from "./quantities.ts";
import { choiceOf, openOptionsOf } from "./store_opening.ts";
import { print } from "./terminal.ts";

const EXIT_UNSOUND = 1;

export async function run({ own, config }: SubcommandCall): Promise<number> {
  const choice = choiceOf(config, own.operands[0]);
  if (schemeOf(choice.endpoint) === "memory") {
    throw new UsageError("a store in memory ends with its process: there is nothing to check");
  }
  await requireStoreFile(choice.endpoint);
  using progress = new Progress();
  const open = openOptionsOf(config, (text) => progress.say(text));
  const backend = await openBackend(choice, { ...open, createSchema: false });
  try {
    const facts = await checkStore(backend, {
      report: (step) => progress.update(step),
      tell: (finding) => progress.say(`does not hold: ${finding}`),
    });
    progress[Symbol.dispose]();
    print(summary(redactSecrets(choice.endpoint), facts));
    return facts.findings === 0 ? 0 : EXIT_UNSOUND;
  } finally {
    await backend.close();
  }
}

function summary(store: string, facts: StoreFacts): string {
  const { findings, keys, rows, bytes, leases, records, revision, compactRevision } = facts;
  const verdict = findings === 0 ? "is sound" : `is not sound: ${count(findings)} findings`;
  const compacted = compactRevision < 0 ? "never compacted" : `compacted at ${compactRevision}`;
  const meanwhile = facts.hasMoved ? "; others wrote meanwhile, so counts were not compared" : "";
  return `${store} ${verdict}; ${count(keys)} keys, ${count(rows)} rows of history, ${
    inUnits(bytes)
  }, ${count(leases)} leases, ${count(records)} records; revision ${revision}, ${compacted}, ` +
    `HashKV ${facts.hashKv ?? "not known, as the store was compacted meanwhile"}${meanwhile}\n`;
}
