/** The model's keys and events as protobuf messages. */

import { create } from "@bufbuild/protobuf";
import {
  type Event,
  Event_EventType,
  EventSchema,
  type KeyValue,
  KeyValueSchema,
} from "../../gen/mvccpb/kv_pb.ts";
import { bytesOf } from "./byte_string.ts";
import type { KeyEvent, KeyVersion } from "./store_model.ts";

export function keyValue(kv: KeyVersion): KeyValue {
  return create(KeyValueSchema, {
    key: bytesOf(kv.key),
    value: bytesOf(kv.value),
    createRevision: BigInt(kv.createRevision),
    modRevision: BigInt(kv.modRevision),
    version: BigInt(kv.version),
    lease: kv.lease,
  });
}

export function eventMessage({ type, kv }: KeyEvent, previous: KeyVersion | undefined): Event {
  return create(EventSchema, {
    type: type === "put" ? Event_EventType.PUT : Event_EventType.DELETE,
    kv: keyValue(kv),
    ...(previous === undefined ? {} : { prevKv: keyValue(previous) }),
  });
}
