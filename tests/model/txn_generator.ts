/** Random transactions: nested, valid more often than not, and each rule broken at times. */

import { create } from "@bufbuild/protobuf";
import {
  type Compare,
  Compare_CompareTarget as Target,
  CompareSchema,
  type RequestOp,
  RequestOpSchema,
  type TxnRequest,
  TxnRequestSchema,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { bytesOf, byteString } from "./byte_string.ts";
import { keysInRange } from "./key_range_model.ts";
import { randomRange, randomValue } from "./keys.ts";
import type { RequestGenerator } from "./request_generator.ts";

const NESTED_DEPTH_MAX = 3;
/** One more than etcd allows. */
const TOO_MANY_OPS = 129;

export function randomTxn(generator: RequestGenerator): TxnRequest {
  const { random } = generator;
  if (random.chance(0.01)) return tooLong(generator);
  // Most transactions put a key but once; the rest are likely to be refused.
  const free = random.chance(0.15) ? undefined : new Set<string>();
  return txnOf(generator, { depth: 0, taken: free });
}

interface TxnContext {
  readonly depth: number;
  /** Keys that may not be written again; undefined where a transaction may break the rule. */
  readonly taken: Set<string> | undefined;
}

function txnOf(generator: RequestGenerator, context: TxnContext): TxnRequest {
  const { random } = generator;
  const opsOf = () => random.times(random.int(0, 3), () => randomOp(generator, context));
  return create(TxnRequestSchema, {
    compare: random.times(
      random.weighted([[2, 0], [4, 1], [1, 2]]),
      () => randomCompare(generator),
    ),
    success: opsOf(),
    failure: opsOf(),
  });
}

function tooLong(generator: RequestGenerator): TxnRequest {
  const range = () => opOf({ case: "requestRange", value: generator.range() });
  const count = generator.random.int(TOO_MANY_OPS - 1, TOO_MANY_OPS);
  return create(TxnRequestSchema, { success: generator.random.times(count, range) });
}

function randomOp(generator: RequestGenerator, context: TxnContext): RequestOp {
  const { random } = generator;
  const kind = random.weighted([
    [6, "put"],
    [4, "range"],
    [3, "delete"],
    [context.depth < NESTED_DEPTH_MAX ? 2 : 0, "txn"],
    [0.1, "nothing"],
  ]);
  switch (kind) {
    case "put":
      return randomPut(generator, context);
    case "range":
      return rangeOp(generator);
    case "delete":
      return randomDelete(generator, context);
    case "txn": {
      const value = txnOf(generator, { ...context, depth: context.depth + 1 });
      return opOf({ case: "requestTxn", value });
    }
    default:
      return create(RequestOpSchema);
  }
}

function randomPut(generator: RequestGenerator, { taken }: TxnContext): RequestOp {
  const value = generator.put();
  const key = byteString(value.key);
  if (taken?.has(key)) return rangeOp(generator);
  taken?.add(key);
  return opOf({ case: "requestPut", value });
}

/**
 * Not "from a key on": etcd lets that delete collide with a put of the same transaction, and loses
 * the key, or ends, when it later compacts at this very revision.
 */
function randomDelete(generator: RequestGenerator, { taken }: TxnContext): RequestOp {
  const request = generator.deleteRange();
  const value = byteString(request.rangeEnd) === "\0"
    ? { ...request, rangeEnd: bytesOf("\xff\xff\xff\xff") }
    : request;
  const key = byteString(value.key);
  if (taken !== undefined && value.rangeEnd.length > 0) {
    // A range may touch any key; a lone key is kept apart from the puts.
    return generator.random.chance(0.3)
      ? opOf({ case: "requestDeleteRange", value })
      : rangeOp(generator);
  }
  if (taken?.has(key)) return rangeOp(generator);
  taken?.add(key);
  return opOf({ case: "requestDeleteRange", value });
}

function rangeOp(generator: RequestGenerator): RequestOp {
  return opOf({ case: "requestRange", value: generator.range() });
}

function opOf(request: RequestOp["request"]): RequestOp {
  return create(RequestOpSchema, { request });
}

/** Mostly near what the first key of the range really has. */
function randomCompare(generator: RequestGenerator): Compare {
  const { random, model: { store } } = generator;
  const range = randomRange(random);
  const kv = keysInRange(store.keys, range)[0];
  const near = (number = 0) => BigInt(number + random.weighted([[5, 0], [1, -1], [1, 1]]));
  // Four and five are no result and no target that etcd knows.
  const target: Target = random.int(0, random.chance(0.05) ? 5 : 4);
  const right = (): Compare["targetUnion"] => {
    switch (target) {
      case Target.VERSION:
        return { case: "version", value: near(kv?.version) };
      case Target.CREATE:
        return { case: "createRevision", value: near(kv?.createRevision) };
      case Target.MOD:
        return { case: "modRevision", value: near(kv?.modRevision) };
      case Target.LEASE:
        return { case: "lease", value: kv?.lease ?? generator.lease() };
      default:
        return {
          case: "value",
          value: random.chance(0.5) ? bytesOf(kv?.value ?? "") : randomValue(random),
        };
    }
  };
  return create(CompareSchema, {
    ...range,
    result: random.int(0, random.chance(0.05) ? 4 : 3),
    target,
    targetUnion: random.chance(0.05) ? { case: undefined } : right(),
  });
}
