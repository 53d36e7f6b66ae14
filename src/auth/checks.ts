/** Pure: what a caller may do, in the order in which etcd asks. */
import { EtcdError } from "../errors.ts";
import { type KeyRange, keyRange } from "../mvcc/key_range.ts";
import type { Op, PutOp } from "../mvcc/types.ts";
import type { BatchView } from "../mvcc/view.ts";
import { covers } from "./permissions.ts";
import { type AuthState, hasRole, ROOT } from "./state.ts";

/** Who sends a request; `null` for nobody that is known. */
export type Caller = {
  readonly user: string;
  /** The revision of users and roles that a signed token is of; `null` for what is looked up anew each time. */
  readonly revision: bigint | null;
} | null;

/** Somebody who asks, and what is known of users and roles. */
export interface Asked {
  readonly state: AuthState;
  readonly caller: Caller;
}

const NO_KEY = new Uint8Array(0);

/** @throws {EtcdError} `userEmpty` */
export function checkUser({ caller }: Asked): void {
  if (caller === null) throw new EtcdError("userEmpty");
}

/** @throws {EtcdError} `userEmpty`, `userNotFound`, `permissionDenied` */
export function checkAdmin({ state, caller }: Asked): void {
  if (caller === null || caller.user === "") throw new EtcdError("userEmpty");
  const user = state.user(caller.user);
  if (user === undefined) throw new EtcdError("userNotFound");
  if (!hasRole(user, ROOT)) throw new EtcdError("permissionDenied");
}

export function isAdmin({ state, caller }: Asked): boolean {
  const user = caller === null ? undefined : state.user(caller.user);
  return user !== undefined && hasRole(user, ROOT);
}

/** @throws {EtcdError} `userEmpty`, `authOldRevision`, `permissionDenied` */
export function checkRange(
  { state, caller }: Asked,
  range: KeyRange,
  kind: "read" | "write",
): void {
  if (caller === null || caller.revision === 0n) throw new EtcdError("userEmpty");
  if (caller.revision !== null && caller.revision < state.revision) {
    throw new EtcdError("authOldRevision");
  }
  const user = state.user(caller.user);
  if (user === undefined) throw new EtcdError("permissionDenied");
  if (hasRole(user, ROOT)) return;
  if (!covers(state.permissions(user, caller.user)[kind], range)) {
    throw new EtcdError("permissionDenied");
  }
}

/** Of single keys, those of a lease for example; of root they are not asked for. */
export function checkKeys(
  asked: Asked,
  keys: () => Iterable<Uint8Array>,
  kind: "read" | "write",
): void {
  if (isAdmin(asked)) return;
  for (const key of keys()) checkRange(asked, keyRange(key, NO_KEY), kind);
}

/** Both branches of a transaction count, whichever is taken. */
export function checkOp(asked: Asked, op: Op, leases: Pick<BatchView, "leaseKeys"> | null): void {
  switch (op.kind) {
    case "range":
      checkRange(asked, op.range, "read");
      break;
    case "put":
      checkPut(asked, op, leases);
      break;
    case "delete":
      checkRange(asked, op.range, "write");
      if (op.prevKv) checkRange(asked, op.range, "read");
      break;
    case "txn":
      for (const { range } of op.compares) checkRange(asked, range, "read");
      for (const inner of op.success) checkOp(asked, inner, leases);
      for (const inner of op.failure) checkOp(asked, inner, leases);
  }
}

/**
 * Who may not write all keys of a lease could not revoke it, and so may attach no key to it.
 */
function checkPut(asked: Asked, op: PutOp, leases: Pick<BatchView, "leaseKeys"> | null): void {
  const range = keyRange(op.key, NO_KEY);
  checkRange(asked, range, "write");
  if (op.lease !== 0n && leases !== null) {
    checkKeys(asked, () => leases.leaseKeys(op.lease).map(({ key }) => key), "write");
  }
  if (op.prevKv) checkRange(asked, range, "read");
}
