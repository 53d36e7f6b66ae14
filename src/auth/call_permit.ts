/** What the sender of one call may do, asked when its command is evaluated. */
import type { Permit } from "../mvcc/permit.ts";
import type { ReadSet } from "../mvcc/read_set.ts";
import type { Op } from "../mvcc/types.ts";
import type { BatchView } from "../mvcc/view.ts";
import type { AuthCall, Authority } from "./authority.ts";
import { hasRole } from "./state.ts";
import {
  type Asked,
  type Caller,
  checkAdmin,
  checkKeys,
  checkOp,
  checkUser,
  isAdmin,
} from "./checks.ts";

export class CallPermit implements Permit {
  readonly #authority: Authority;
  readonly #call: AuthCall;
  /** Signatures are verified once; what a token of the store stands for may change. */
  #signer: Caller | undefined;

  constructor(authority: Authority, call: AuthCall) {
    this.#authority = authority;
    this.#call = call;
  }

  get isNeeded(): boolean {
    return this.#authority.state.isEnabled;
  }

  /** @throws {EtcdError} `invalidAuthToken` */
  identify(): Caller {
    if (this.#signer !== undefined) return this.#signer;
    const caller = this.#authority.callerOf(this.#call);
    if (caller !== null && caller.revision !== null) this.#signer = caller;
    return caller;
  }

  get #asked(): Asked {
    return { state: this.#authority.state, caller: this.identify() };
  }

  collectReads(op: Op, need: ReadSet): void {
    switch (op.kind) {
      case "put":
        if (op.lease !== 0n) this.collectLeaseKeys(op.lease, need);
        break;
      case "txn":
        for (const inner of op.success) this.collectReads(inner, need);
        for (const inner of op.failure) this.collectReads(inner, need);
    }
  }

  checkOp(op: Op, view: BatchView): void {
    checkOp(this.#asked, op, view);
  }

  collectLeaseKeys(id: bigint, need: ReadSet): void {
    if (!this.#isAdmin) need.leaseKeys.add(id);
  }

  /** Who cannot be identified is refused later, with the command: here all commands of its group would fail. */
  get #isAdmin(): boolean {
    try {
      return isAdmin(this.#asked);
    } catch {
      return false;
    }
  }

  checkLeaseKeys(id: bigint, view: BatchView): void {
    checkKeys(this.#asked, () => view.leaseKeys(id).map(({ key }) => key), "write");
  }

  /** Refuses early, before anything is done that costs much. */
  requireAdmin(): Promise<void> {
    return this.#authority.requireAdmin(this.#call);
  }

  checkUser(): void {
    checkUser(this.#asked);
  }

  /** Whether it is this user who asks; nobody is the one without a name, as in etcd. */
  isUser(name: string): boolean {
    return (this.identify()?.user ?? "") === name;
  }

  hasRole(role: string): boolean {
    const user = this.#authority.state.user(this.identify()?.user ?? "");
    return user !== undefined && hasRole(user, role);
  }

  checkAdmin(): void {
    checkAdmin(this.#asked);
  }
}
