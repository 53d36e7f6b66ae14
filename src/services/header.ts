/** The header of every answer: which cluster, which member, at which revision. */
import { Buffer } from "node:buffer";
import { Bytes, varintSize, varintSize64 } from "../wire/bytes.ts";

export interface ServerIdentity {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** How often the store was opened, by whichever server: grows as a Raft term does. */
  readonly raftTerm: number;
}

const CLUSTER_ID = 0x08;
const MEMBER_ID = 0x10;
const REVISION = 0x18;
const RAFT_TERM = 0x20;

/** Encodes `etcdserverpb.ResponseHeader`s; all but the revision is the same for every answer of a server. */
export class HeaderEncoder {
  #identity: ServerIdentity;
  readonly #before: Buffer;
  #after: Buffer = Buffer.alloc(0);

  constructor(identity: ServerIdentity) {
    this.#identity = identity;
    const { clusterId, memberId, raftTerm } = identity;
    const before = new Bytes(Buffer.alloc(2 + varintSize64(clusterId) + varintSize64(memberId)));
    before.bigintField(CLUSTER_ID, clusterId);
    before.bigintField(MEMBER_ID, memberId);
    this.#before = before.buffer;
    this.setRaftTerm(raftTerm);
  }

  get identity(): ServerIdentity {
    return this.#identity;
  }

  /** Another opening of the store: from now on all headers tell its term. */
  setRaftTerm(raftTerm: number): void {
    this.#identity = { ...this.#identity, raftTerm };
    const after = new Bytes(Buffer.alloc(1 + varintSize(raftTerm)));
    after.numberField(RAFT_TERM, raftTerm);
    this.#after = after.buffer;
  }

  /** Bytes of a header with this revision. */
  size(revision: number): number {
    const own = revision === 0 ? 0 : 1 + varintSize(revision);
    return this.#before.length + own + this.#after.length;
  }

  /** Writes the header as field 1 of a message. */
  write(out: Bytes, revision: number): void {
    out.buffer[out.offset++] = 0x0a;
    out.varint(this.size(revision));
    out.raw(this.#before);
    out.numberField(REVISION, revision);
    out.raw(this.#after);
  }

  /** The header for messages that protobuf-es encodes. A revision of 0 is left out. */
  message(revision: number) {
    const { clusterId, memberId, raftTerm } = this.identity;
    return { clusterId, memberId, revision: BigInt(revision), raftTerm: BigInt(raftTerm) };
  }
}
