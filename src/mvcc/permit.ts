/**
 * Whether the sender of a command may do what it asks. Looked at when the command is evaluated, so that the answer holds at
 * the revision at which it is executed, whichever server has changed users and roles meanwhile.
 */
import type { ReadSet } from "./read_set.ts";
import type { Op } from "./types.ts";
import type { BatchView } from "./view.ts";

export interface Permit {
  /** False while authentication is off: then nothing else is called, and nothing more is loaded. */
  readonly isNeeded: boolean;
  /** Says what `checkOp` will look at. */
  collectReads(op: Op, need: ReadSet): void;
  /** @throws {EtcdError} if the sender may not do it */
  checkOp(op: Op, view: BatchView): void;
  /** Says what `checkLeaseKeys` will look at: for who may do everything nothing, as a lease may have many keys. */
  collectLeaseKeys(id: bigint, need: ReadSet): void;
  /** Whether the sender may write all keys of a lease. */
  checkLeaseKeys(id: bigint, view: BatchView): void;
  /** Whether it is known who the sender is. */
  checkUser(): void;
  checkAdmin(): void;
}

/** For what the server itself does. */
export const UNRESTRICTED: Permit = {
  isNeeded: false,
  collectReads() {},
  checkOp() {},
  collectLeaseKeys() {},
  checkLeaseKeys() {},
  checkUser() {},
  checkAdmin() {},
};
