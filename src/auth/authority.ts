/**
 * Who may do what. Commands carry a permit, which is looked at when they are evaluated; reads are checked before, and what
 * was read is given out only if nobody has changed users or roles meanwhile. On a store that other servers write too, a
 * refusal is as of a state that was in the store when the request came.
 */
import type { Store } from "../mvcc/store.ts";
import { EtcdError } from "../errors.ts";
import { AUTH_READ_ATTEMPTS_MAX } from "../limits.ts";
import type { Op, Read } from "../mvcc/types.ts";
import { CallPermit } from "./call_permit.ts";
import {
  type Asked,
  type Caller,
  checkAdmin,
  checkKeys,
  checkOp,
  checkUser,
  isAdmin,
} from "./checks.ts";
import type { Jwt } from "./jwt.ts";
import { AUTH_RECORDS, AuthState } from "./state.ts";
import { Tokens, type TokensOptions } from "./tokens.ts";

/** What is to be known of a call: a part of the transport's context. */
export interface AuthCall {
  metadata(name: string): string | undefined;
  readonly clientName: string | undefined;
}

export interface AuthorityOptions {
  readonly store: Store;
  readonly tokens: Omit<TokensOptions, "store">;
  /** Signs and reads tokens; undefined for tokens that are records of the store. */
  readonly jwt: Jwt | undefined;
  /** Whether the name of a verified client certificate is that of a user. */
  readonly clientCertAuth: boolean;
}

export class Authority implements AsyncDisposable {
  readonly state = new AuthState();
  readonly tokens: Tokens;
  readonly jwt: Jwt | undefined;
  readonly #store: Store;
  readonly #isShared: boolean;
  readonly #clientCertAuth: boolean;

  private constructor({ store, tokens, jwt, clientCertAuth }: AuthorityOptions) {
    this.#store = store;
    this.#isShared = !store.backend.capabilities.exclusive;
    this.#clientCertAuth = clientCertAuth;
    this.jwt = jwt;
    this.tokens = new Tokens({ ...tokens, store });
  }

  static async open(options: AuthorityOptions): Promise<Authority> {
    const authority = new Authority(options);
    const { store } = options;
    // What is committed while the records are read is newer than they are.
    const newer = new Set<string>();
    let isOpen = false;
    store.onCommit(({ records }) => {
      for (const { name, value } of records) {
        if (!isOpen) newer.add(name);
        authority.#applyRecord(name, value);
      }
    });
    const { records } = await store.backend.records(AUTH_RECORDS);
    isOpen = true;
    for (const [name, value] of records) if (!newer.has(name)) authority.#applyRecord(name, value);
    return authority;
  }

  #applyRecord(name: string, value: Uint8Array | null): void {
    if (!name.startsWith(AUTH_RECORDS)) return;
    this.state.applyRecord(name, value);
    this.tokens.applyRecord(name, value);
  }

  /** Whether authentication is off, and no other server can have turned it on: then there is nothing to ask. */
  get isOff(): boolean {
    return !this.state.isEnabled && !this.#isShared;
  }

  /**
   * Whom the call's token or certificate names, as etcd looks for it.
   *
   * @throws {EtcdError} `invalidAuthToken`
   */
  callerOf(call: AuthCall): Caller {
    const header = call.metadata("token") ?? call.metadata("authorization");
    if (header !== undefined) return this.#bearerOf(header.replace(/^Bearer /, ""));
    if (!this.#clientCertAuth || call.clientName === undefined) return null;
    return { user: call.clientName, revision: null };
  }

  #bearerOf(token: string): Caller {
    if (this.jwt !== undefined) {
      const claims = this.jwt.verify(token);
      if (claims !== undefined) return claims;
    } else {
      const user = this.tokens.userOf(token);
      if (user !== undefined) return { user, revision: null };
    }
    throw new EtcdError("invalidAuthToken");
  }

  /**
   * The permit of a call, for what it writes.
   *
   * @throws {EtcdError} `invalidAuthToken`
   */
  permit(call: AuthCall): CallPermit | Promise<CallPermit> {
    const permit = new CallPermit(this, call);
    if (!this.state.isEnabled) return permit;
    return this.#decide(() => {
      if (this.state.isEnabled) permit.identify();
      return permit;
    });
  }

  /**
   * The same, for what only users may ask: that is looked at before alarms are.
   *
   * @throws {EtcdError} `invalidAuthToken`, `userEmpty`
   */
  userPermit(call: AuthCall): CallPermit | Promise<CallPermit> {
    const permit = new CallPermit(this, call);
    if (!this.state.isEnabled) return permit;
    return this.#decide(() => {
      if (this.state.isEnabled) permit.checkUser();
      return permit;
    });
  }

  /** Resolves once everything is known that was in the store when it was called. */
  async refresh(): Promise<void> {
    if (this.#isShared) await this.#store.catchUp();
  }

  /** @throws {EtcdError} `invalidAuthToken`, `userEmpty` */
  async requireUser(call: AuthCall): Promise<void> {
    if (!this.state.isEnabled) return;
    await this.refresh();
    if (this.state.isEnabled) checkUser(this.#asked(call));
  }

  /** @throws {EtcdError} `invalidAuthToken`, `userEmpty`, `userNotFound`, `permissionDenied` */
  async requireAdmin(call: AuthCall): Promise<void> {
    await this.refresh();
    if (this.state.isEnabled) checkAdmin(this.#asked(call));
  }

  /**
   * Reads on behalf of a call.
   *
   * @param read reads the store anew each time that it is called
   * @throws {EtcdError} if the caller may not read it; `authOldRevision` if users and roles were changed again and again
   */
  async read<T>(call: AuthCall, op: Op, read: () => Promise<Read<T>> | Read<T>): Promise<Read<T>> {
    for (let attempt = 1; attempt <= AUTH_READ_ATTEMPTS_MAX; attempt++) {
      const admission = this.state.isEnabled ? await this.admitOp(call, op) : this.state.version;
      const result = await read();
      if (await this.stillHolds(admission, result.recordsIndex)) return result;
    }
    throw new EtcdError("authOldRevision");
  }

  /**
   * Reads what tells the names of keys, each of which the caller must be allowed to read.
   *
   * @param read reads the store anew each time that it is called; the argument is whether the keys are looked at
   * @throws {EtcdError} as `read`
   */
  async readKeys<T extends { readonly keys: readonly Uint8Array[]; readonly recordsIndex: number }>(
    call: AuthCall,
    read: (isAsked: boolean) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; attempt <= AUTH_READ_ATTEMPTS_MAX; attempt++) {
      let isFree = !this.state.isEnabled;
      const admission = await this.admit(call, (asked) => {
        checkUser(asked);
        isFree = isAdmin(asked);
      });
      const result = await read(!isFree);
      if (!await this.stillHolds(admission, result.recordsIndex)) continue;
      const now = isFree
        ? admission
        : await this.admit(call, (asked) => checkKeys(asked, () => result.keys, "read"));
      if (now === admission) return result;
    }
    throw new EtcdError("authOldRevision");
  }

  admitOp(call: AuthCall, op: Op): Promise<number> {
    return this.admit(call, (asked) => checkOp(asked, op, null));
  }

  /** Checks a read before it is made; the answer is what `stillHolds` is to be asked with before anything is given out. */
  admit(call: AuthCall, check: (asked: Asked) => void): Promise<number> {
    return this.#decide(() => {
      if (this.state.isEnabled) {
        const asked = this.#asked(call);
        check(asked);
        // Of a token from another store; etcd finds that out once it has read.
        if ((asked.caller?.revision ?? 0n) > this.state.revision) {
          throw new EtcdError("authOldRevision");
        }
      }
      return this.state.version;
    });
  }

  /** Whether the check was made on the users and roles beside which the records were of this index. */
  stillHolds(admission: number, recordsIndex: number): boolean | Promise<boolean> {
    if (recordsIndex <= this.#store.head.recordsIndex) return admission === this.state.version;
    return this.#store.catchUp().then(() => admission === this.state.version);
  }

  #asked(call: AuthCall): Asked {
    return { state: this.state, caller: this.callerOf(call) };
  }

  /** Nobody is refused by what another server may have changed. */
  async #decide<T>(decide: () => T): Promise<T> {
    if (this.#isShared) {
      try {
        return decide();
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
      }
      await this.#store.catchUp();
    }
    return decide();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tokens[Symbol.asyncDispose]();
  }
}
