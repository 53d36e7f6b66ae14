/** Pure: what happens to a lease when it is granted, renewed, revoked, or expires. */
import { EtcdError } from "../errors.ts";
import { LEASE_TTL_MAX } from "../limits.ts";
import { ALARM, type Alarms } from "../mvcc/alarms.ts";
import { type Permit, UNRESTRICTED } from "../mvcc/permit.ts";
import type { Command } from "../mvcc/read_set.ts";
import type { BatchView } from "../mvcc/view.ts";

/** The shortest TTL in seconds with etcd's defaults; see `leaseTtlMin`. */
const TTL_MIN = 2;
const LEASE_BYTES = 64;

/** Of etcd's timing, in milliseconds. */
export interface ElectionTiming {
  readonly electionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
}

/** etcd's shortest TTL in seconds: one and a half election timeouts in whole heartbeats, rounded up. */
export function leaseTtlMin({ electionTimeoutMs, heartbeatIntervalMs }: ElectionTiming): number {
  const ticks = Math.floor(electionTimeoutMs / heartbeatIntervalMs);
  return Math.ceil(Math.floor(3 * ticks / 2) * heartbeatIntervalMs / 1_000);
}

export interface Granted {
  readonly id: bigint;
  readonly ttl: number;
  readonly revision: number;
}

/** @throws {EtcdError} `leaseTtlTooLarge`, `leaseExists`, `noSpace` */
export function grantCommand(
  { id, ttl, ttlMin = TTL_MIN }: { id: bigint; ttl: number; ttlMin?: number },
  alarms: Alarms,
  permit: Permit = UNRESTRICTED,
): Command<Granted> {
  return {
    bytes: LEASE_BYTES,
    reads: (need) => need.leases.add(id),
    apply(view) {
      alarms.checkNotCorrupt();
      alarms.checkSpace();
      if (permit.isNeeded) permit.checkUser();
      if (ttl > LEASE_TTL_MAX) throw new EtcdError("leaseTtlTooLarge");
      if (view.lease(id) !== null) throw new EtcdError("leaseExists");
      const granted = Math.max(ttl, ttlMin);
      view.setLease(id, { ttl: granted, remainingMs: granted * 1_000 });
      return { id, ttl: granted, revision: view.revision };
    },
  };
}

/** Answers the TTL granted again, or 0 for a lease that is unknown or has expired and waits to be revoked. */
export function renewCommand(
  id: bigint,
  permit: Permit = UNRESTRICTED,
): Command<{ ttl: number; revision: number }> {
  return {
    bytes: LEASE_BYTES,
    reads(need) {
      need.leases.add(id);
      if (permit.isNeeded) permit.collectLeaseKeys(id, need);
    },
    apply(view) {
      if (permit.isNeeded) {
        permit.checkUser();
        permit.checkLeaseKeys(id, view);
      }
      const lease = view.lease(id);
      const { revision } = view;
      if (lease === null || lease.remainingMs <= 0) return { ttl: 0, revision };
      view.setLease(id, { ttl: lease.ttl, remainingMs: lease.ttl * 1_000 });
      return { ttl: lease.ttl, revision };
    },
  };
}

/** @throws {EtcdError} `leaseNotFound` */
export function revokeCommand(
  id: bigint,
  alarms: Alarms,
  permit: Permit = UNRESTRICTED,
): Command<{ revision: number }> {
  return {
    bytes: LEASE_BYTES,
    reads(need) {
      need.leases.add(id);
      need.leaseKeys.add(id);
    },
    apply(view) {
      alarms.checkNotCorrupt();
      if (permit.isNeeded) {
        permit.checkUser();
        permit.checkLeaseKeys(id, view);
      }
      if (view.lease(id) === null) throw new EtcdError("leaseNotFound");
      return revoke(view, id);
    },
  };
}

/** Revokes a lease if it is still expired when its turn comes: a renewal that came first wins. */
export function expireCommand(id: bigint, alarms: Alarms): Command<boolean> {
  return {
    bytes: LEASE_BYTES,
    reads(need) {
      need.leases.add(id);
      need.leaseKeys.add(id);
    },
    apply(view) {
      const lease = view.lease(id);
      if (lease === null || lease.remainingMs > 0 || alarms.isActive(ALARM.CORRUPT)) return false;
      revoke(view, id);
      return true;
    },
  };
}

/** Gives all leases the time back in which no server ran, so that nobody could renew them. */
export function resumeCommand(): Command<void> {
  return { bytes: 0, reads() {}, apply: (view) => view.resumeLeases() };
}

/** Tells the store that a server lives: where nobody does, the lease clock stands still. */
export function heartbeatCommand(): Command<void> {
  return { bytes: 0, reads() {}, apply: (view) => view.touch() };
}

/** All keys of a lease go in one revision, in key order. */
function revoke(view: BatchView, id: bigint): { revision: number } {
  for (const version of view.leaseKeys(id)) view.delete(version);
  view.setLease(id, null);
  return { revision: view.revision };
}
