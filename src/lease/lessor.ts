/**
 * Leases: granted, renewed, revoked and listed by any server of a store. The store's rows are the truth; this keeps only
 * when to look for expired ones next.
 */
import type { Head, LeaseRow } from "../../backends/contract.ts";
import { EtcdError, messageOf } from "../errors.ts";
import {
  LEASE_CHECK_INTERVAL_MS,
  LEASE_HEARTBEAT_MS,
  LEASE_REVOKES_PER_CHECK,
  LEASES_LISTED_MAX,
} from "../limits.ts";
import type { Permit } from "../mvcc/permit.ts";
import type { Store } from "../mvcc/store.ts";
import type { Cancelable } from "../mvcc/range_pages.ts";
import { parseKv } from "../mvcc/stored_kv.ts";
import type { Commit } from "../mvcc/types.ts";
import {
  expireCommand,
  grantCommand,
  type Granted,
  heartbeatCommand,
  renewCommand,
  resumeCommand,
  revokeCommand,
} from "./commands.ts";

export interface LessorOptions {
  readonly store: Store;
  /** Milliseconds, for waiting only: what has expired is the store's to say. */
  readonly now: () => number;
  /** A random positive 63-bit id. */
  readonly randomId: () => bigint;
  /** Shortest TTL in seconds; a shorter one is raised to it. Default: etcd's. */
  readonly ttlMin?: number;
  readonly log: (level: "warn" | "info", message: string, fields?: Record<string, unknown>) => void;
  /** Told the TTL of each lease that is granted; for metrics. */
  readonly onGrant?: (ttl: number) => void;
}

/** What this server has done since its start; for metrics. */
export interface LeaseCounts {
  granted: number;
  renewed: number;
  /** Also those that had expired. */
  revoked: number;
  expired: number;
}

/** Times a random id is drawn again because it is taken. */
const ID_DRAWS_MAX = 8;

export class Lessor implements AsyncDisposable {
  readonly counts: LeaseCounts = { granted: 0, renewed: 0, revoked: 0, expired: 0 };
  readonly #options: LessorOptions;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** When the next lease may expire; `Infinity` if there are none. */
  #nextExpiryMs = 0;
  #lastCommitMs = 0;
  #checking: Promise<void> | undefined;

  constructor(options: LessorOptions) {
    this.#options = options;
  }

  /**
   * Begins to watch over leases.
   *
   * @param isAlone no other server has the store open: then leases first get the time back that they lost while none did
   */
  async start({ isAlone }: { isAlone: boolean }): Promise<void> {
    const { store, now } = this.#options;
    const { leases } = await store.backend.leases(1);
    if (leases.length > 0 && isAlone) await store.submit(resumeCommand());
    this.#lastCommitMs = now();
    store.onCommit((commit) => this.#onCommit(commit));
    this.#timer = setInterval(() => {
      this.#checking ??= this.#check().finally(() => this.#checking = undefined);
    }, LEASE_CHECK_INTERVAL_MS);
  }

  /** @throws {EtcdError} `leaseExists` for an id of the client's choice that is taken; see `grantCommand` */
  async grant(id: bigint, ttl: number, permit?: Permit): Promise<Granted> {
    const granted = await this.#grant(id, ttl, permit);
    this.counts.granted++;
    this.#options.onGrant?.(granted.ttl);
    return granted;
  }

  async #grant(id: bigint, ttl: number, permit?: Permit): Promise<Granted> {
    const { store, randomId, ttlMin } = this.#options;
    const wish = { ttl, ...(ttlMin === undefined ? {} : { ttlMin }) };
    if (id !== 0n) return await store.submit(grantCommand({ id, ...wish }, store.alarms, permit));
    for (let draw = 1;; draw++) { // Ends with a free id, or after ID_DRAWS_MAX.
      try {
        return await store.submit(
          grantCommand({ id: randomId(), ...wish }, store.alarms, permit),
        );
      } catch (error) {
        const isTaken = error instanceof EtcdError && error.reason === "leaseExists";
        if (!isTaken || draw === ID_DRAWS_MAX) throw error;
      }
    }
  }

  async renew(id: bigint, permit?: Permit): Promise<{ ttl: number; revision: number }> {
    const renewed = await this.#options.store.submit(renewCommand(id, permit));
    if (renewed.ttl > 0) this.counts.renewed++;
    return renewed;
  }

  async revoke(id: bigint, permit?: Permit): Promise<{ revision: number }> {
    const { store } = this.#options;
    const revoked = await store.submit(revokeCommand(id, store.alarms, permit));
    this.counts.revoked++;
    return revoked;
  }

  /** The lease, or `null`, and its keys if they are wanted. */
  async lookup(id: bigint, options: { withKeys: boolean }) {
    const { backend } = this.#options.store;
    const query = { keys: [], leases: [id], records: [], revision: 0 };
    const { head, leases } = await backend.load(query);
    const lease = leases[0] ?? null;
    if (lease === null || !options.withKeys) {
      return { head, lease, kvs: [], recordsIndex: head.recordsIndex };
    }
    const keys = await backend.leaseKeys(id);
    return { head, lease, kvs: keys.kvs, recordsIndex: keys.head.recordsIndex };
  }

  /** All leases; those that expire first come first. */
  list(): Promise<{ head: Head; leases: readonly LeaseRow[] }> {
    return this.#options.store.backend.leases(LEASES_LISTED_MAX);
  }

  /** The keys of all these leases; reading stops when its client has left. */
  async keysOf(leases: readonly LeaseRow[], { signal }: Cancelable): Promise<Uint8Array[]> {
    const keys: Uint8Array[] = [];
    for (const { id } of leases) {
      const { kvs } = await this.#options.store.backend.leaseKeys(id);
      for (const kv of kvs) keys.push(parseKv(kv).key);
      // Others get their turn between two of a long list.
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
    return keys;
  }

  /** Revokes all that has expired by now, without waiting for the next look; for a clock that was moved. */
  async expireDue(): Promise<void> {
    await this.#checking;
    this.#checking = this.#expireAll().finally(() => this.#checking = undefined);
    await this.#checking;
  }

  async #expireAll(): Promise<void> {
    while (await this.#revokeExpired() > 0); // Ends when a look has found nothing that may go.
    await this.#heartbeat();
  }

  #onCommit({ leases }: Commit): void {
    const now = this.#options.now();
    this.#lastCommitMs = now;
    // Another server may have granted one that expires before all others.
    if (leases === null) this.#nextExpiryMs = Math.min(this.#nextExpiryMs, now);
    for (const { state } of leases ?? []) {
      if (state === null) continue;
      this.#nextExpiryMs = Math.min(this.#nextExpiryMs, now + state.remainingMs);
    }
  }

  async #check(): Promise<void> {
    const { now, log } = this.#options;
    try {
      if (now() >= this.#nextExpiryMs) await this.#revokeExpired();
      await this.#heartbeat();
    } catch (error) {
      const cause = messageOf(error);
      log("warn", "Cannot look for expired leases: trying again", { cause });
    }
  }

  /** Answers how many there were. */
  async #revokeExpired(): Promise<number> {
    const { store, now } = this.#options;
    const before = this.#nextExpiryMs;
    // From here on commits tell of what the list below may lack.
    this.#nextExpiryMs = Infinity;
    try {
      const { leases } = await store.backend.leases(LEASE_REVOKES_PER_CHECK);
      const expired = leases.filter((lease) => lease.remainingMs <= 0);
      const next = leases[expired.length];
      const isCut = expired.length === LEASE_REVOKES_PER_CHECK;
      const nextMs = next !== undefined ? now() + next.remainingMs : isCut ? now() : Infinity;
      this.#nextExpiryMs = Math.min(this.#nextExpiryMs, nextMs);
      const revoked = await Promise.all(
        expired.map(({ id }) => store.submit(expireCommand(id, store.alarms))),
      );
      const count = revoked.filter(Boolean).length;
      this.counts.expired += count;
      this.counts.revoked += count;
      // Renewed at the last moment, or not to be revoked just now: the next look tells.
      if (revoked.includes(false)) this.#nextExpiryMs = before;
      return count;
    } catch (error) {
      this.#nextExpiryMs = before;
      throw error;
    }
  }

  async #heartbeat(): Promise<void> {
    const { store, now } = this.#options;
    if (this.#nextExpiryMs === Infinity) return;
    if (now() - this.#lastCommitMs >= LEASE_HEARTBEAT_MS) await store.submit(heartbeatCommand());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#checking;
  }
}
