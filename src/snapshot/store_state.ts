/** What a store holds besides its keys. */
import type { Backend } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import { LEASES_LISTED_MAX, SNAPSHOT_STATE_READS_MAX } from "../limits.ts";
import type { StoreState } from "./etcd_buckets.ts";

/**
 * Leases and records of one moment, though each is read by a question of its own.
 *
 * @throws {EtcdError} `timeout` if others changed them again and again
 */
export async function readState(backend: Backend): Promise<StoreState> {
  for (let attempt = 0; attempt < SNAPSHOT_STATE_READS_MAX; attempt++) {
    const [{ head, leases }, { head: other, records }] = await Promise.all([
      backend.leases(LEASES_LISTED_MAX),
      backend.records(""),
    ]);
    const newer = head.index > other.index ? head : other;
    const isSame = newer.leasesIndex === head.leasesIndex &&
      newer.recordsIndex === other.recordsIndex;
    if (isSame) return { head: newer, leases, records: new Map(records) };
  }
  throw new EtcdError("timeout");
}
