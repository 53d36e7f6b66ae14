/**
 * An answer → JSON as etcd's gateway writes it: names as in the .proto files, defaults left out, long numbers as text.
 *
 * Written straight from the wire format: by way of objects, a list of some megabytes took twice as long, and large lists
 * are written with pauses in which others are served.
 */

import { Buffer } from "node:buffer";
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { MessageParts } from "../transport/call.ts";
import { joinParts, partsLength } from "../transport/framing.ts";
import { JSON_STEP_BYTES } from "./bounds.ts";

/** Writes it in one piece. */
export function jsonOfMessage(schema: DescMessage, parts: MessageParts): string {
  const wire: Wire = { bytes: joinParts(parts), at: 0 };
  return textOf(planOf(schema), readFields(planOf(schema), { wire, end: wire.bytes.length }));
}

/** Whether an answer is written with pauses. */
export function isLarge(parts: MessageParts): boolean {
  return partsLength(parts) > JSON_STEP_BYTES;
}

/** The same with pauses. */
export async function jsonOfLargeMessage(
  schema: DescMessage,
  parts: MessageParts,
): Promise<string> {
  const plan = planOf(schema);
  const wire: Wire = { bytes: joinParts(parts), at: 0 };
  const { length } = wire.bytes;
  const values: Values = [];
  while (wire.at < length) {
    readFields(plan, { wire, end: length, pauseAt: wire.at + JSON_STEP_BYTES, values });
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return textOf(plan, values);
}

/** JSON within the lines of a stream, where Go also escapes what could end a script element. */
export function escapeHtml(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** How a message type is written. */
interface Plan {
  /** By number. */
  readonly fields: ReadonlyMap<number, FieldPlan>;
  readonly ordered: readonly FieldPlan[];
}

interface FieldPlan {
  /** Place among the fields of its message. */
  readonly index: number;
  /** `"name":` */
  readonly name: string;
  readonly isList: boolean;
  /** Whether its default is a value, as in a choice. */
  readonly hasDefault: boolean;
  readonly scalar: ScalarType | "message" | "enum";
  /** Names of an enum's numbers, in quotes. */
  readonly names: ReadonlyMap<number, string>;
  /** Of a message; made when it is first needed, as messages hold messages of their own kind. */
  readonly message: DescMessage | undefined;
}

/** JSON of each field that has come; of a list its elements. */
type Values = (string | string[] | undefined)[];

interface Wire {
  readonly bytes: Buffer;
  at: number;
}

const PLANS = new WeakMap<DescMessage, Plan>();

function planOf(schema: DescMessage): Plan {
  let plan = PLANS.get(schema);
  if (plan === undefined) {
    const sorted = schema.fields.toSorted((a, b) => a.number - b.number);
    const ordered = sorted.map(fieldPlan);
    const fields = new Map(ordered.map((field, i) => [sorted[i]?.number ?? 0, field]));
    plan = { fields, ordered };
    PLANS.set(schema, plan);
  }
  return plan;
}

function fieldPlan(field: DescField, index: number): FieldPlan {
  const values = field.enum?.values ?? [];
  return {
    index,
    name: `${JSON.stringify(field.name)}:`,
    isList: field.fieldKind === "list",
    hasDefault: field.oneof !== undefined || field.fieldKind === "list",
    scalar: field.scalar ?? (field.message === undefined ? "enum" : "message"),
    names: new Map(values.map(({ number, name }) => [number, JSON.stringify(name)])),
    message: field.message,
  };
}

interface Extent {
  readonly wire: Wire;
  readonly end: number;
  /** A place behind which to stop after a field. */
  readonly pauseAt?: number;
  readonly values?: Values;
}

function readFields(plan: Plan, { wire, end, pauseAt = end, values = [] }: Extent): Values {
  while (wire.at < pauseAt && wire.at < end) {
    const tag = readNumber(wire);
    const field = plan.fields.get(tag >>> 3);
    const wireType = tag & 7;
    if (field === undefined) skip(wire, wireType);
    else if (field.isList && wireType === 2 && isPackable(field)) {
      readPacked(field, { wire, values });
    } else put(field, { json: readValue(field, wire), values });
  }
  return values;
}

function put(
  { index, isList }: FieldPlan,
  { json, values }: { readonly json: string | undefined; readonly values: Values },
): void {
  if (!isList) {
    values[index] = json;
    return;
  }
  const list = values[index];
  if (json === undefined) return;
  if (Array.isArray(list)) list.push(json);
  else values[index] = [json];
}

function readPacked(
  field: FieldPlan,
  { wire, values }: { readonly wire: Wire; readonly values: Values },
): void {
  const length = readNumber(wire);
  const end = wire.at + length;
  while (wire.at < end) put(field, { json: readValue(field, wire), values });
}

function isPackable({ scalar }: FieldPlan): boolean {
  return scalar !== "message" && scalar !== ScalarType.STRING && scalar !== ScalarType.BYTES;
}

/** Undefined for a default that is no value. */
function readValue(field: FieldPlan, wire: Wire): string | undefined {
  const { hasDefault } = field;
  switch (field.scalar) {
    case "message": {
      const length = readNumber(wire);
      const plan = planOf(field.message as DescMessage);
      return textOf(plan, readFields(plan, { wire, end: wire.at + length }));
    }
    case ScalarType.BYTES: {
      const { start, end } = readExtent(wire);
      if (start === end && !hasDefault) return undefined;
      return `"${wire.bytes.toString("base64", start, end)}"`;
    }
    case ScalarType.STRING: {
      const { start, end } = readExtent(wire);
      if (start === end && !hasDefault) return undefined;
      return JSON.stringify(wire.bytes.toString("utf8", start, end));
    }
    default:
      return numberOf(field, wire);
  }
}

function numberOf({ scalar, names, hasDefault }: FieldPlan, wire: Wire): string | undefined {
  const value = readVarint(wire);
  if (value === 0n && !hasDefault) return undefined;
  switch (scalar) {
    case ScalarType.BOOL:
      return String(value !== 0n);
    case ScalarType.UINT64:
      return `"${value}"`;
    case ScalarType.INT64:
      return `"${BigInt.asIntN(64, value)}"`;
    case ScalarType.UINT32:
      return String(BigInt.asUintN(32, value));
    case ScalarType.INT32:
      return String(BigInt.asIntN(32, value));
    case "enum": {
      const number = Number(BigInt.asIntN(32, value));
      return names.get(number) ?? String(number);
    }
    default:
      throw new TypeError("Cannot write a number with a fraction: no answer of etcd has one");
  }
}

function textOf({ ordered }: Plan, values: Values): string {
  let text = "";
  for (const { index, name } of ordered) {
    const value = values[index];
    if (value === undefined) continue;
    const separator = text === "" ? "{" : ",";
    text += separator + name + (typeof value === "string" ? value : `[${value.join(",")}]`);
  }
  return text === "" ? "{}" : `${text}}`;
}

function readExtent(wire: Wire): { start: number; end: number } {
  const length = readNumber(wire);
  const start = wire.at;
  wire.at += length;
  return { start, end: wire.at };
}

/** A varint that is known to be small: a tag, or a length. */
function readNumber(wire: Wire): number {
  let value = 0;
  for (let shift = 1;; shift *= 128) {
    const byte = wire.bytes[wire.at++] ?? 0;
    value += (byte & 0x7f) * shift;
    if (byte < 0x80) return value;
  }
}

function readVarint(wire: Wire): bigint {
  const { bytes, at } = wire;
  let end = at;
  while ((bytes[end] ?? 0) >= 0x80) end++;
  wire.at = end + 1;
  // Seven bytes are 49 bits.
  if (end - at < 7) {
    wire.at = at;
    return BigInt(readNumber(wire));
  }
  let value = 0n;
  for (let i = end; i >= at; i--) value = (value << 7n) | BigInt((bytes[i] ?? 0) & 0x7f);
  return BigInt.asUintN(64, value);
}

function skip(wire: Wire, wireType: number): void {
  if (wireType === 0) readVarint(wire);
  else if (wireType === 1) wire.at += 8;
  else if (wireType === 5) wire.at += 4;
  else readExtent(wire);
}
