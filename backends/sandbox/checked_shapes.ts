/**
 * What comes out of a sandbox is believed only as far as it can be checked. Here are the forms that all answers are made
 * of; each function gives the value back with its type, or throws the promise that it breaks.
 */

import type { Capabilities, Head } from "../contract.ts";
import { keyOfKv } from "../sql/kv_key.ts";
import { isPacked, isShared, type PackedBytes } from "./packing.ts";

/** A promise of the contract that a backend broke. The message says which, and what was found. */
export class BrokenPromise extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BrokenPromise";
  }
}

/** The contract's bound on the id of a batch. */
const BATCH_ID_CHARACTERS_MAX = 64;
/** What a backend may say that it takes; the engine makes lists of that length. */
const BATCH_ROWS_MAX = 2 ** 24;
const KEY_SIZE_MAX = 2 ** 30;
const UINT64_MAX = 2n ** 64n - 1n;

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Fields;
  }
  throw new BrokenPromise(`${what} answered nonsense: ${nameOf(value)}`);
}

export function wholeNumber(
  value: unknown,
  { what, min = 0, max = Number.MAX_SAFE_INTEGER }: {
    readonly what: string;
    readonly min?: number;
    readonly max?: number;
  },
): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw new BrokenPromise(`${what} is ${nameOf(value)}, not a whole number from ${min} to ${max}`);
}

export function finiteNumber(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new BrokenPromise(`${what} is ${nameOf(value)}, not a number`);
}

export function truth(value: unknown, what: string): boolean {
  if (typeof value === "boolean") return value;
  throw new BrokenPromise(`${what} is ${nameOf(value)}, not true or false`);
}

export function text(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw new BrokenPromise(`${what} is ${nameOf(value)}, not a text`);
}

/** An id of 64 bits, signed or not. */
export function bigId(value: unknown, what: string): bigint {
  if (typeof value === "bigint" && value >= -(2n ** 63n) && value <= UINT64_MAX) return value;
  throw new BrokenPromise(`${what} is ${nameOf(value)}, not an id of 64 bits`);
}

/** An id that is not signed, and not 0, which stands for none. */
export function unsignedId(value: unknown, what: string): bigint {
  const id = bigId(value, what);
  if (id > 0n) return id;
  throw new BrokenPromise(`${what} is ${id}, not from 1 to 2^64 - 1`);
}

export function byteArray(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array && !isShared(value)) return value;
  throw new BrokenPromise(`${what} is ${nameOf(value)}, not bytes`);
}

export function listIn(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new BrokenPromise(`${what} is ${nameOf(value)}, not a list`);
}

export function packedList(
  value: unknown,
  { what, length, hasGaps = false }: {
    readonly what: string;
    readonly length?: number;
    readonly hasGaps?: boolean;
  },
): PackedBytes {
  if (!isPacked(value)) throw new BrokenPromise(`${what} are not a list of bytes`);
  if (length !== undefined && value.lengths.length !== length) {
    throw new BrokenPromise(`${what} are ${value.lengths.length}, not the ${length} asked for`);
  }
  if (!hasGaps && value.lengths.includes(-1)) throw new BrokenPromise(`${what} have gaps`);
  return value;
}

/** Where the answer of the method says that the store stands. */
export function headOf(value: unknown, method: string): Head {
  const what = `the head that ${method} answered`;
  const fields = fieldsOf(value, what);
  const index = wholeNumber(fields["index"], { what: `index of ${what}` });
  const revision = wholeNumber(fields["revision"], { what: `revision of ${what}`, min: 1 });
  const { batchId } = fields;
  if (typeof batchId !== "string" || batchId.length > BATCH_ID_CHARACTERS_MAX) {
    throw new BrokenPromise(`batch id of ${what} is not a text of at most 64 characters`);
  }
  if ((batchId === "") !== (index === 0)) {
    throw new BrokenPromise(`batch id of ${what} is "${batchId}" at index ${index}`);
  }
  const upTo = (name: string, max: number, min = 0) =>
    wholeNumber(fields[name], { what: `${name} of ${what}`, min, max });
  return {
    index,
    revision,
    compactRevision: upTo("compactRevision", revision, -1),
    recordsIndex: upTo("recordsIndex", index),
    leasesIndex: upTo("leasesIndex", index),
    batchId,
  };
}

export function capabilitiesOf(value: unknown): Capabilities {
  const fields = fieldsOf(value, "capabilities");
  return {
    exclusive: truth(fields["exclusive"], "capabilities.exclusive"),
    keySizeMax: wholeNumber(fields["keySizeMax"], {
      what: "capabilities.keySizeMax",
      min: 1,
      max: KEY_SIZE_MAX,
    }),
    batchRowsMax: wholeNumber(fields["batchRowsMax"], {
      what: "capabilities.batchRowsMax",
      min: 1,
      max: BATCH_ROWS_MAX,
    }),
    isEphemeral: truth(fields["isEphemeral"], "capabilities.isEphemeral"),
  };
}

/** The key in a stored kv. */
export function keyIn(kv: Uint8Array, what: string): Uint8Array {
  try {
    return keyOfKv(kv);
  } catch {
    throw new BrokenPromise(`${what} is no key-value message`);
  }
}

/** A value of any kind, short enough for a line of the log. */
export function nameOf(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? "a list" : "an object";
    case "function":
    case "symbol":
      return `a ${typeof value}`;
    default:
      return String(value);
  }
}
