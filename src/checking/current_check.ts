/** The keys that live, as lists show them: in order, sound, and what the log says. */
import type { Backend, Head, RangePage } from "../../backends/contract.ts";
import { LARGE_PAGE_BYTES, POINT_READ_KEYS_MAX } from "../limits.ts";
import { isSame } from "../migration/row_sum.ts";
import type { Report } from "../migration/source.ts";
import type { Version } from "../mvcc/stored_kv.ts";
import { type Findings, showKey } from "./findings.ts";
import { checkMessage, liveFault } from "./stored_message.ts";

export interface CurrentFacts {
  readonly keys: number;
  /** Lease → how many keys are attached to it, and one of them. */
  readonly attached: ReadonlyMap<bigint, Attached>;
}

export interface Attached {
  readonly key: Uint8Array;
  readonly count: number;
}

export interface CurrentCheckOptions {
  readonly backend: Backend;
  readonly findings: Findings;
  readonly report: Report;
  /** Keys that are to be expected. */
  readonly liveKeys: number;
}

export async function checkCurrent(options: CurrentCheckOptions): Promise<CurrentFacts> {
  const { backend, findings, report, liveKeys } = options;
  const attached = new Map<bigint, Attached>();
  let start: Uint8Array = new Uint8Array(0);
  let [keys, bytes] = [0, 0];
  for (;;) { // Ends with the page behind which there is nothing more.
    const page = await backend.range({
      start,
      end: null,
      revision: 0,
      limit: POINT_READ_KEYS_MAX,
      bytesMax: LARGE_PAGE_BYTES,
      keysOnly: false,
      packed: true,
    });
    const versions = versionsOf(page, findings);
    inOrder(versions, { start, findings });
    await compareWithLog(backend, { versions, head: page.head, findings });
    for (const { lease, key, kv } of versions) {
      bytes += kv.length;
      if (lease !== 0n) attached.set(lease, { key, count: (attached.get(lease)?.count ?? 0) + 1 });
    }
    keys += versions.length;
    const fraction = keys / Math.max(1, liveKeys);
    report({
      what: "checking the keys",
      fraction,
      revision: page.head.revision,
      rows: keys,
      bytes,
    });
    const last = versions.at(-1)?.key;
    if (!page.more || last === undefined || compare(last, start) < 0) {
      if (page.more) {
        findings.add(`a list does not go on behind ${showKey(start)}, and is not over`);
      }
      return { keys, attached };
    }
    start = new Uint8Array([...last, 0]);
  }
}

function versionsOf(page: RangePage, findings: Findings): Version[] {
  const kvs = page.packed === null ? page.kvs : unpack(page.packed.bytes, findings);
  return kvs.flatMap((kv) => {
    const checked = checkMessage(kv);
    const fault = "fault" in checked ? checked.fault : liveFault(checked.version);
    if (fault !== null) {
      const key = "fault" in checked ? "a current key" : `key ${showKey(checked.version.key)}`;
      findings.add(`${key}: ${fault}`);
    }
    return "fault" in checked ? [] : [checked.version];
  });
}

/** Field 2 again and again: tag, length, message. */
function unpack(bytes: Uint8Array, findings: Findings): Uint8Array[] {
  const kvs: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at++];
    let length = 0;
    for (let scale = 1;; scale *= 128) { // Ends with the length's last byte, or with the page.
      const byte = bytes[at++] ?? 0;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    if (tag !== 0x12 || at + length > bytes.length) {
      findings.add("a page of a list is not packed as it should be");
      return kvs;
    }
    kvs.push(bytes.subarray(at, at + length));
    at += length;
  }
  return kvs;
}

function inOrder(
  versions: readonly Version[],
  { start, findings }: { readonly start: Uint8Array; readonly findings: Findings },
): void {
  let last = start;
  for (const [at, { key }] of versions.entries()) {
    const order = compare(last, key);
    // The first may be just where the page begins.
    if (order > 0 || (order === 0 && at > 0)) {
      findings.add(`key ${showKey(key)} is listed behind ${showKey(last)}`);
    }
    last = key;
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * Asks for the revision before the newest one, which no store can answer from its current keys. What has changed since is
 * compared by `checkHistory`.
 */
async function compareWithLog(
  backend: Backend,
  { versions, head, findings }: {
    readonly versions: readonly Version[];
    readonly head: Head;
    readonly findings: Findings;
  },
): Promise<void> {
  const revision = head.revision - 1;
  const older = versions.filter(({ modRevision }) => modRevision <= revision);
  if (older.length === 0 || revision < Math.max(1, head.compactRevision)) return;
  const keys = older.map(({ key }) => key);
  const query = { keys, leases: [], records: [], revision };
  const { kvs, head: newer } = await backend.load(query);
  // Compacted meanwhile: what was at that revision may be gone.
  if (newer.compactRevision > revision) return;
  for (const [at, { key, kv, modRevision }] of older.entries()) {
    const stored = kvs[at] ?? null;
    if (isSame(stored, kv)) continue;
    const found = stored === null ? "not there" : "another one";
    findings.add(
      `key ${showKey(key)}: current at revision ${modRevision}, and ${found} in the log`,
    );
  }
}
