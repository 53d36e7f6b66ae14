/**
 * `rhino check`: reads a whole store by way of the contract, and tells what does not hold. Servers may go on with a shared
 * one: what is compared is compared at one revision, and what a compaction meanwhile takes away is not missed.
 */
import type { Backend } from "../../backends/contract.ts";
import { headFaults } from "../mvcc/head_faults.ts";
import { oldKeysOf } from "../migration/history_progress.ts";
import type { Report } from "../migration/source.ts";
import { checkCurrent } from "./current_check.ts";
import { Findings } from "./findings.ts";
import { checkHistory } from "./history_check.ts";
import { checkLeases } from "./lease_check.ts";
import { checkRecords } from "./record_check.ts";

export interface StoreFacts {
  readonly findings: number;
  readonly keys: number;
  readonly rows: number;
  readonly bytes: number;
  readonly leases: number;
  readonly records: number;
  readonly revision: number;
  readonly compactRevision: number;
  /** Of the revision; `null` if the store was compacted meanwhile. */
  readonly hashKv: number | null;
  /** Whether others wrote meanwhile: then counts were not compared. */
  readonly hasMoved: boolean;
}

const ALL = { start: new Uint8Array(0), end: null };

export interface StoreCheckOptions {
  readonly report: Report;
  /** Told what does not hold, a line each. */
  readonly tell: (finding: string) => void;
}

/** @throws {BackendError} if the store cannot be read */
export async function checkStore(
  backend: Backend,
  { report, tell }: StoreCheckOptions,
): Promise<StoreFacts> {
  const findings = new Findings(tell);
  const head = await backend.head();
  const { revision, compactRevision } = head;
  const faults = headFaults(head);
  if (faults.length > 0) {
    for (const fault of faults) findings.add(fault);
    findings.add("nothing else was looked at, as it cannot be read from such a head");
    return { ...NOTHING_READ, findings: findings.count, revision, compactRevision };
  }
  const { count: liveKeys } = await backend.count({ ...ALL, revision });
  const current = await checkCurrent({ backend, findings, report, liveKeys });
  const keysHead = await backend.head();
  const oldKeys = await oldKeysOf(backend, head);
  const history = await checkHistory({
    backend,
    findings,
    report,
    head,
    oldKeys,
    liveKeys,
  });
  const { head: last, count } = await backend.count({ ...ALL, revision: 0 });
  const hasMoved = last.revision !== revision;
  if (!hasMoved) {
    const counts = { counted: count, listed: current.keys, inLog: history.currentRows };
    const isSameScope = history.hashKv !== null;
    compareCounts({ ...counts, made: isSameScope ? oldKeys + history.added : count }, findings);
  }
  const leases = await checkLeases({
    backend,
    findings,
    report,
    attached: current.attached,
    revision: keysHead.revision === revision ? revision : null,
  });
  const records = await checkRecords(backend, findings);
  return {
    findings: findings.count,
    keys: current.keys,
    rows: history.rows,
    bytes: history.bytes,
    leases,
    records,
    revision,
    compactRevision,
    hashKv: history.hashKv,
    hasMoved,
  };
}

const NOTHING_READ = {
  keys: 0,
  rows: 0,
  bytes: 0,
  leases: 0,
  records: 0,
  hashKv: null,
  hasMoved: false,
} as const;

function compareCounts(
  { counted, listed, inLog, made }: {
    readonly counted: number;
    readonly listed: number;
    readonly inLog: number;
    /** By what the log has made and deleted since the compact revision. */
    readonly made: number;
  },
  findings: Findings,
): void {
  if (counted === listed && listed === inLog && inLog === made) return;
  findings.add(
    `the counts differ: ${counted} keys are counted, ${listed} listed, ${inLog} are the newest in the log, ` +
      `and by its puts and deletes there must be ${made}`,
  );
}
