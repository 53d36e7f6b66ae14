/**
 * etcd's keys and leases as a small state machine: requests in, answers and errors out, exactly as
 * they stand on the wire. Written to be read as the specification; it knows no network, no disk
 * and no time. The watches over it are in watch_model.ts.
 *
 * What is left out: the expiry of leases, auth, quotas and the hash of the history.
 */

import { create } from "@bufbuild/protobuf";
import { ResponseHeaderSchema } from "../../gen/etcdserverpb/header_pb.ts";
import {
  type CompactionRequest,
  CompactionResponseSchema,
  type DeleteRangeRequest,
  type PutRequest,
  type RangeRequest,
  type TxnRequest,
} from "../../gen/etcdserverpb/kv_pb.ts";
import {
  type LeaseGrantRequest,
  LeaseGrantResponseSchema,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveResponseSchema,
} from "../../gen/etcdserverpb/lease_pb.ts";
import { bytesOf } from "./byte_string.ts";
import { LeaseModel } from "./lease_model.ts";
import { ModelError } from "./model_error.ts";
import { keysToRead, rangeAnswer } from "./range_model.ts";
import {
  checkDeleteRange,
  checkPut,
  checkRange,
  checkRangeStream,
  checkTxn,
} from "./request_check.ts";
import { StoreModel, type StoreStart } from "./store_model.ts";
import { checkPutAgainst, deleteRange, put, txn } from "./txn_model.ts";

/** What every header of one server says besides the revision. */
export interface Identity {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly raftTerm: bigint;
}

export class EtcdModel {
  readonly store: StoreModel;
  readonly leases = new LeaseModel();
  readonly #identity: Identity;

  constructor(identity: Identity, start?: StoreStart) {
    this.#identity = identity;
    this.store = new StoreModel(start);
  }

  range(request: RangeRequest) {
    checkRange(request);
    return this.#answer(rangeAnswer(this.#keysToRead(request), request));
  }

  /** The parts of the stream put together again. */
  rangeStream(request: RangeRequest) {
    checkRangeStream(request);
    return this.#answer(rangeAnswer(this.#keysToRead(request), request));
  }

  put(request: PutRequest) {
    checkPut(request);
    checkPutAgainst(this.store.keys, this.leases, request);
    const draft = this.store.begin();
    const answer = put(draft, request);
    this.store.commit(draft);
    return this.#answer(answer);
  }

  deleteRange(request: DeleteRangeRequest) {
    checkDeleteRange(request);
    const draft = this.store.begin();
    const answer = deleteRange(draft, request);
    this.store.commit(draft);
    return this.#answer(answer);
  }

  txn(request: TxnRequest) {
    checkTxn(request);
    const draft = this.store.begin();
    const answer = txn(draft, this.leases, request);
    this.store.commit(draft);
    return this.#answer(answer);
  }

  compact(request: CompactionRequest) {
    const revision = Number(request.revision);
    if (revision <= this.store.compactRevision) throw new ModelError("compacted");
    if (revision > this.store.revision) throw new ModelError("futureRevision");
    this.store.compact(revision);
    return this.#answer(create(CompactionResponseSchema));
  }

  /** A request without an id gets one from the server: `answeredId`. */
  leaseGrant(request: LeaseGrantRequest, answeredId: bigint) {
    const ID = request.ID === 0n ? answeredId : request.ID;
    const TTL = this.leases.grant(ID, request.TTL);
    return this.#answer(create(LeaseGrantResponseSchema, { ID, TTL }));
  }

  leaseRevoke(id: bigint) {
    const draft = this.store.begin();
    this.leases.revoke(draft, id);
    this.store.commit(draft);
    return this.#answer(create(LeaseRevokeResponseSchema));
  }

  /** The TTL is answered in full, as if no time had passed. */
  leaseTimeToLive(id: bigint, { keys }: { readonly keys: boolean }) {
    const grantedTTL = this.leases.grantedTtl(id);
    const known = grantedTTL !== undefined;
    return this.#answer(create(LeaseTimeToLiveResponseSchema, {
      ID: id,
      TTL: known ? grantedTTL : -1n,
      ...(known ? { grantedTTL } : {}),
      keys: known && keys ? this.leases.keysOf(this.store, id).map(bytesOf) : [],
    }));
  }

  leaseLeases() {
    const leases = this.leases.ids.map((ID) => ({ ID }));
    return this.#answer(create(LeaseLeasesResponseSchema, { leases }));
  }

  leaseKeepAlive(id: bigint) {
    const TTL = this.leases.grantedTtl(id) ?? 0n;
    return this.#answer(create(LeaseKeepAliveResponseSchema, { ID: id, TTL }));
  }

  #keysToRead({ revision }: RangeRequest) {
    return keysToRead(this.store, Number(revision));
  }

  /** Every header carries the store's revision after the request, never the one asked for. */
  #answer<Answer extends object>(answer: Answer) {
    const revision = BigInt(this.store.revision);
    const header = create(ResponseHeaderSchema, { ...this.#identity, revision });
    return { ...answer, header };
  }
}
