/**
 * The space quota: when the store has outgrown it, the alarm NOSPACE is raised, and nothing that needs space is accepted
 * until somebody compacts, defragments and disarms. Source of the rule: etcd's server/etcdserver/quota.go.
 */
import { EtcdError } from "../errors.ts";
import { ALARM } from "./alarms.ts";
import type { Store } from "./store.ts";
import type { Op } from "./types.ts";

export interface QuotaOptions {
  readonly store: Store;
  readonly memberId: bigint;
  /** Bytes; 0 for no quota. */
  readonly bytesMax: number;
}

export class Quota {
  readonly #options: QuotaOptions;

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  /** Bytes; 0 for no quota. */
  get bytesMax(): number {
    return this.#options.bytesMax;
  }

  /**
   * To be asked before a request that needs space.
   *
   * @param cost about what it will take, in bytes
   * @throws {EtcdError} `noSpace`
   */
  async check(cost: number): Promise<void> {
    const { store, memberId, bytesMax } = this.#options;
    if (bytesMax === 0) return;
    const { total, empty } = await store.backend.size();
    if (total - empty + cost < bytesMax) return;
    await store.submit(store.alarms.activate({ memberId, alarm: ALARM.NOSPACE }));
    throw new EtcdError("noSpace");
  }
}

/** What a lease is reckoned at. */
export const LEASE_COST = 64;
/** What a version is reckoned at besides its key and value. */
const VERSION_COST = 256;

/** What an operation may take, in bytes; for a transaction that of the dearer branch. */
export function costOf(op: Op): number {
  switch (op.kind) {
    case "put":
      return VERSION_COST + op.key.length + op.value.length;
    case "txn":
      return Math.max(sumOf(op.success), sumOf(op.failure));
    default:
      return 0;
  }
}

function sumOf(ops: readonly Op[]): number {
  return ops.reduce((sum, op) => sum + costOf(op), 0);
}
