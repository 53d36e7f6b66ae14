/**
 * The space quota: when the store has outgrown it, the alarm NOSPACE is raised, and nothing that needs space is accepted
 * until somebody compacts, defragments and disarms. Source of the rule: etcd's server/etcdserver/quota.go.
 */
import type { Size } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import { ALARM } from "./alarms.ts";
import type { Store } from "./store.ts";

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
   * @throws {EtcdError} `noSpace`
   */
  async check(): Promise<void> {
    const { store, memberId, bytesMax } = this.#options;
    if (bytesMax === 0) return;
    if (!exceeds(await store.backend.size(), bytesMax)) return;
    await store.submit(store.alarms.activate({ memberId, alarm: ALARM.NOSPACE }));
    throw new EtcdError("noSpace");
  }
}

function exceeds(size: Size, bytesMax: number): boolean {
  return size.total > bytesMax;
}
