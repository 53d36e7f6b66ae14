/** Answers in a form that a test can write down and a failure can show. */

import type { ResponseHeader } from "../../gen/etcdserverpb/header_pb.ts";
import type { KeyValue } from "../../gen/mvccpb/kv_pb.ts";

/** Bytes as the text they encode. */
export function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** The keys, as text. */
export function keysOf(answer: { readonly kvs: readonly KeyValue[] }): string[] {
  return answer.kvs.map((kv) => text(kv.key));
}

/** The values, as text. */
export function valuesOf(answer: { readonly kvs: readonly KeyValue[] }): string[] {
  return answer.kvs.map((kv) => text(kv.value));
}

/** All fields of a key-value, with key and value as text; undefined if there is none. */
export function fieldsOf(kv: KeyValue | undefined) {
  return kv && {
    key: text(kv.key),
    value: text(kv.value),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  };
}

/** The revision in the header; -1 if there is no header at all. */
export function revisionOf(answer: { readonly header?: ResponseHeader | undefined }): bigint {
  return answer.header?.revision ?? -1n;
}
