/** `rhino migrate FROM [TO]`: copies a store, a snapshot of etcd, or kine's table into a new store. */
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { schemeOf } from "../../backends/registry.ts";
import type { SubcommandCall } from "../cli/subcommands.ts";
import { UsageError } from "../cli/usage_error.ts";
import { redactSecrets } from "../log_text.ts";
import type { Copied } from "../migration/copying.ts";
import { migrate } from "../migration/migrate.ts";
import type { Source } from "../migration/source.ts";
import { SOURCE_KINDS, type SourceKind } from "../migration/sources.ts";
import { Progress } from "./progress.ts";
import { bytes as inUnits, count } from "./quantities.ts";
import { choiceOf, openOptionsOf } from "./store_opening.ts";
import { print } from "./terminal.ts";

export async function run({ own, config }: SubcommandCall): Promise<number> {
  const [from = "", toOperand] = own.operands;
  const to = choiceOf(config, toOperand);
  for (const endpoint of [from, to.endpoint]) {
    if (schemeOf(endpoint) === "memory") {
      throw new UsageError("a store in memory ends with its process: there is nothing to migrate");
    }
  }
  if (from === to.endpoint && own.values["source"] !== "kine") {
    throw new UsageError("the store to copy into is the source itself: name another one");
  }
  const { user = "", cacert = "", cert = "", key = "" } = own.values;
  if (user !== "" && !user.includes(":")) throw new UsageError("--user needs NAME:PASSWORD");
  using progress = new Progress();
  const say = (text: string) => progress.say(text);
  const [shownFrom, shownTo] = [redactSecrets(from), redactSecrets(to.endpoint)];
  const copied = await migrate({
    from,
    shownFrom,
    to,
    shownTo,
    kind: kindOf(own.values["source"]),
    credentials: { user, cacert, cert, key },
    folder: folderOf(to.endpoint),
    open: openOptionsOf(config, say),
    report: (step) => progress.update(step),
    onSource: (source) => announce(source, { shownTo, say }),
    note: (text) => say(`note: ${text}`),
  });
  progress[Symbol.dispose]();
  print(summary(copied));
  return 0;
}

/** @throws {UsageError} */
function kindOf(text: string | undefined): SourceKind | undefined {
  const kind = SOURCE_KINDS.find((kind) => kind === text);
  if (text === undefined || kind !== undefined) return kind;
  throw new UsageError(`--source is "${text}": expected one of ${SOURCE_KINDS.join(", ")}`);
}

/** A snapshot may be as large as the store: beside it there is room. */
function folderOf(endpoint: string): string {
  if (schemeOf(endpoint) !== "sqlite" || Deno.env.get("TMPDIR")) return tmpdir();
  const folder = dirname(endpoint.replace(/^sqlite:(\/\/)?/i, ""));
  try {
    return Deno.statSync(folder).isDirectory ? folder : tmpdir();
  } catch {
    // It is yet to be made.
    return tmpdir();
  }
}

function announce(
  { name, notes }: Source,
  { shownTo, say }: { readonly shownTo: string; readonly say: (text: string) => void },
): void {
  say(`copying ${name} into ${shownTo}`);
  for (const note of notes) say(`note: ${note}`);
}

function summary(copied: Copied): string {
  const { rows, bytes, keys, leases, records, revision, compactRevision, hashKv } = copied;
  const compacted = compactRevision < 0 ? "never compacted" : `compacted at ${compactRevision}`;
  return `copied and verified: ${count(keys)} keys, ${count(rows)} rows of history, ${
    inUnits(bytes)
  }, ${count(leases)} leases, ${count(records)} records; revision ${revision}, ${compacted}, ` +
    `HashKV ${hashKv}\n`;
}
