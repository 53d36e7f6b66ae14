/** Random requests: likely to meet what the store holds, and breaking each rule at times. */

import { create } from "@bufbuild/protobuf";
import {
  CompactionRequestSchema,
  type DeleteRangeRequest,
  DeleteRangeRequestSchema,
  type PutRequest,
  PutRequestSchema,
  type RangeRequest,
  RangeRequestSchema,
} from "../../gen/etcdserverpb/kv_pb.ts";
import {
  LeaseGrantRequestSchema,
  LeaseKeepAliveRequestSchema,
  LeaseLeasesRequestSchema,
  LeaseRevokeRequestSchema,
  LeaseTimeToLiveRequestSchema,
} from "../../gen/etcdserverpb/lease_pb.ts";
import { bytesOf } from "./byte_string.ts";
import type { Call } from "./calls.ts";
import type { EtcdModel } from "./etcd_model.ts";
import { randomKey, randomRange, randomValue } from "./keys.ts";
import type { Random } from "./random.ts";
import { randomTxn } from "./txn_generator.ts";

/** Ids that a client may choose: the ends of the range, and a negative one. */
const LEASE_IDS = [1n, 2n, -7n, 2n ** 63n - 1n, -(2n ** 63n)] as const;
/** Far more than a test takes: no lease expires in one. */
const TTLS = [600n, 3_600n, 9_000_000_000n] as const;

export class RequestGenerator {
  readonly random: Random;
  readonly model: EtcdModel;

  constructor(random: Random, model: EtcdModel) {
    this.random = random;
    this.model = model;
  }

  call(): Call {
    const { random } = this;
    const name = random.weighted<Call["name"]>([
      [30, "put"],
      [22, "txn"],
      [20, "range"],
      [10, "deleteRange"],
      [4, "rangeStream"],
      [6, "leaseGrant"],
      [3, "leaseRevoke"],
      [2, "leaseTimeToLive"],
      [2, "compact"],
      [1, "leaseLeases"],
      [1, "leaseKeepAlive"],
    ]);
    return this.#callOf(name);
  }

  #callOf(name: Call["name"]): Call {
    switch (name) {
      case "put":
        return { name, request: this.put() };
      case "txn":
        return { name, request: randomTxn(this) };
      case "range":
        return { name, request: this.range() };
      case "rangeStream":
        return { name, request: this.#rangeStream() };
      case "deleteRange":
        return { name, request: this.deleteRange() };
      case "compact":
        return { name, request: this.#compact() };
      default:
        return this.#leaseCall(name);
    }
  }

  #leaseCall(name: Call["name"] & `lease${string}`): Call {
    const ID = this.lease();
    switch (name) {
      case "leaseGrant": {
        const TTL = this.random.chance(0.1) ? 9_000_000_001n : this.random.pick(TTLS);
        const request = create(LeaseGrantRequestSchema, { ID: this.#newLease(), TTL });
        return { name, request };
      }
      case "leaseRevoke":
        return { name, request: create(LeaseRevokeRequestSchema, { ID }) };
      case "leaseTimeToLive": {
        const keys = this.random.chance(0.7);
        return { name, request: create(LeaseTimeToLiveRequestSchema, { ID, keys }) };
      }
      case "leaseKeepAlive":
        return { name, request: create(LeaseKeepAliveRequestSchema, { ID }) };
      case "leaseLeases":
        return { name, request: create(LeaseLeasesRequestSchema) };
    }
  }

  put(): PutRequest {
    const { random } = this;
    const ignoreValue = random.chance(0.1);
    const ignoreLease = random.chance(0.1);
    return create(PutRequestSchema, {
      key: randomKey(random),
      value: ignoreValue && random.chance(0.9) ? bytesOf("") : randomValue(random),
      lease: (ignoreLease && random.chance(0.9)) || random.chance(0.6) ? 0n : this.lease(),
      prevKv: random.chance(0.4),
      ignoreValue,
      ignoreLease,
    });
  }

  deleteRange(): DeleteRangeRequest {
    const { random } = this;
    const prevKv = random.chance(0.4);
    return create(DeleteRangeRequestSchema, { ...randomRange(random), prevKv });
  }

  range(): RangeRequest {
    const { random } = this;
    const sorted = random.chance(0.5);
    return create(RangeRequestSchema, {
      ...randomRange(random),
      limit: random.chance(0.5) ? 0n : BigInt(random.int(-1, 6)),
      revision: random.chance(0.5) ? 0n : this.revision(),
      // Three and five are no orders and targets that etcd knows.
      sortOrder: sorted ? random.int(0, random.chance(0.05) ? 3 : 2) : 0,
      sortTarget: sorted ? random.int(0, random.chance(0.05) ? 5 : 4) : 0,
      serializable: random.chance(0.2),
      keysOnly: random.chance(0.2),
      countOnly: random.chance(0.1),
      ...(random.chance(0.2) ? this.#revisionFilters() : {}),
    });
  }

  /** Near the ends of what can be read, mostly within; seldom no revision at all. */
  revision(): bigint {
    const { random, model: { store } } = this;
    const oldest = Math.max(store.compactRevision, store.revision - 40);
    return BigInt(random.weighted([
      [6, random.int(oldest, store.revision)],
      [2, random.int(store.revision - 2, store.revision + 1)],
      [2, random.int(store.compactRevision - 1, store.compactRevision + 1)],
      [1, -1],
    ]));
  }

  /** A lease, if there is one; at times one that is not there. */
  lease(): bigint {
    const { ids } = this.model.leases;
    const { random } = this;
    return ids.length === 0 || random.chance(0.1) ? random.pick(LEASE_IDS) : random.pick(ids);
  }

  /** The server chooses, or the client; at times one that is taken. */
  #newLease(): bigint {
    return this.random.chance(0.4) ? 0n : this.random.pick(LEASE_IDS);
  }

  #rangeStream(): RangeRequest {
    const request = this.range();
    // Sorted by another target without an order, etcd continues after the wrong key.
    return request.sortOrder === 0 ? { ...request, sortTarget: 0 } : request;
  }

  #revisionFilters() {
    const { random } = this;
    const bound = () => random.chance(0.5) ? 0n : this.revision();
    return {
      minModRevision: bound(),
      maxModRevision: bound(),
      minCreateRevision: bound(),
      maxCreateRevision: bound(),
    };
  }

  #compact() {
    const { random, model: { store } } = this;
    const revision = random.chance(0.3)
      ? this.revision()
      : BigInt(random.int(store.compactRevision, store.revision));
    return create(CompactionRequestSchema, { revision, physical: random.chance(0.5) });
  }
}
