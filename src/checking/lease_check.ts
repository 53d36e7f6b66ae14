/** Leases: those that keys are attached to exist, and know their keys. */
import type { Backend, LeaseRow } from "../../backends/contract.ts";
import { LEASES_LISTED_MAX } from "../limits.ts";
import type { Report } from "../migration/source.ts";
import { parseKv } from "../mvcc/stored_kv.ts";
import type { Attached } from "./current_check.ts";
import { type Findings, showKey } from "./findings.ts";

export interface LeaseCheckOptions {
  readonly backend: Backend;
  readonly findings: Findings;
  readonly report: Report;
  readonly attached: ReadonlyMap<bigint, Attached>;
  /** The revision at which `attached` was read, if it was one. */
  readonly revision: number | null;
}

/** Answers how many there are. */
export async function checkLeases(options: LeaseCheckOptions): Promise<number> {
  const { backend, attached, report } = options;
  const { leases } = await backend.leases(LEASES_LISTED_MAX);
  const ids = new Set(leases.map(({ id }) => BigInt.asIntN(64, id)));
  for (const [id, some] of attached) {
    if (!ids.has(BigInt.asIntN(64, id))) await confirmMissing(id, some, options);
  }
  for (const [at, lease] of leases.entries()) {
    await checkLease(lease, options);
    report({
      what: "checking the leases",
      fraction: at / leases.length,
      revision: 0,
      rows: at,
      bytes: 0,
    });
  }
  return leases.length;
}

/** Where servers run, lease and key may have gone meanwhile. */
async function confirmMissing(
  id: bigint,
  { key }: Attached,
  { backend, findings }: LeaseCheckOptions,
): Promise<void> {
  const query = { keys: [key], leases: [id], records: [], revision: 0 };
  const { kvs: [kv = null], leases: [lease = null] } = await backend.load(query);
  if (lease !== null || kv === null || parseKv(kv).lease !== id) return;
  findings.add(`key ${showKey(key)}: attached to lease ${id}, which does not exist`);
}

async function checkLease(
  { id, ttl }: LeaseRow,
  { backend, findings, attached, revision }: LeaseCheckOptions,
): Promise<void> {
  if (ttl < 1) findings.add(`lease ${id}: its time to live is ${ttl} s`);
  const { kvs, head } = await backend.leaseKeys(id);
  for (const kv of kvs) {
    const { key, lease } = parseKv(kv);
    if (lease === id) continue;
    findings.add(`lease ${id}: has key ${showKey(key)}, which is attached to ${lease}`);
  }
  const count = attached.get(id)?.count ?? 0;
  if (head.revision === revision && kvs.length !== count) {
    findings.add(`lease ${id}: has ${kvs.length} keys, and ${count} are attached to it`);
  }
}
