/** Operations and commands in few words. */
import { Buffer } from "node:buffer";
import { Alarms } from "../alarms.ts";
import { deleteCommand, putCommand, txnCommand } from "../commands.ts";
import { keyName, type KeyRange, keyRange } from "../key_range.ts";
import { UNRESTRICTED } from "../permit.ts";
import type { Command } from "../read_set.ts";
import { parseKv } from "../stored_kv.ts";
import type {
  Compare,
  DeleteOp,
  DeleteResult,
  Op,
  PutOp,
  PutResult,
  RangeOp,
  TxnOp,
} from "../types.ts";

/** A key, one byte for each character. */
export function key(name: string): Uint8Array {
  return Buffer.from(name, "latin1");
}

/** From a key up to another one; without `end` the one key. */
export function span(start: string, end = ""): KeyRange {
  return keyRange(key(start), key(end));
}

export const ALL: KeyRange = span("\0", "\0");

export function rangeOp(range: KeyRange, options: Partial<RangeOp> = {}): RangeOp {
  return {
    kind: "range",
    range,
    revision: 0,
    limit: 0,
    sortOrder: 0,
    sortTarget: 0,
    keysOnly: false,
    countOnly: false,
    serializable: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...options,
  };
}

export function putOp(name: string, value = "", options: Partial<PutOp> = {}): PutOp {
  const flags = { prevKv: false, ignoreValue: false, ignoreLease: false };
  return {
    kind: "put",
    key: key(name),
    value: Buffer.from(value),
    lease: 0n,
    ...flags,
    ...options,
  };
}

export function deleteOp(range: KeyRange, options: { prevKv?: boolean } = {}): DeleteOp {
  return { kind: "delete", range, prevKv: options.prevKv ?? false };
}

export function txnOp(
  success: readonly Op[],
  options: { compares?: readonly Compare[]; failure?: readonly Op[] } = {},
): TxnOp {
  return { kind: "txn", compares: options.compares ?? [], success, failure: options.failure ?? [] };
}

/** A command of one operation, with no alarm on. */
export function command(op: PutOp): Command<PutResult>;
export function command(op: DeleteOp): Command<DeleteResult>;
export function command(op: Exclude<Op, RangeOp>): Command<unknown>;
export function command(op: Exclude<Op, RangeOp>): Command<unknown> {
  const options = { alarms: new Alarms(), bytes: 100, permit: UNRESTRICTED };
  switch (op.kind) {
    case "put":
      return putCommand(op, options);
    case "delete":
      return deleteCommand(op, options);
    case "txn":
      return txnCommand(op, options);
  }
}

/** `KEY=VALUE` of each message. */
export function readable(kvs: readonly Uint8Array[]): string[] {
  return kvs.map((kv) => {
    const version = parseKv(kv);
    return `${keyName(version.key)}=${Buffer.from(version.value).toString()}`;
  });
}
