/**
 * A request in JSON → the message as it would have come by gRPC, with the rules and the texts of Go's protojson: unknown
 * fields are dropped, unknown names of an enum are its default, numbers may be text, bytes are base64 of either kind.
 *
 * Read straight into the wire format, not by way of objects: JSON.parse would round the large numbers, ids of leases
 * among them.
 */

import { Buffer } from "node:buffer";
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { MESSAGE_DEPTH_MAX } from "../limits.ts";
import { JsonText, type Token } from "./json_text.ts";
import { JsonError } from "./json_scanner.ts";

/**
 * Encodes one well-formed JSON value as a message.
 *
 * @throws {JsonError} if it is none of that type
 */
export function messageOfJson(schema: DescMessage, json: Uint8Array): Uint8Array {
  const writer = new BinaryWriter();
  readMessage(new JsonText(json), { schema, writer, depth: 1 });
  return writer.finish();
}

interface Target {
  readonly schema: DescMessage;
  readonly writer: BinaryWriter;
  readonly depth: number;
}

function readMessage(text: JsonText, target: Target): void {
  if (target.depth > MESSAGE_DEPTH_MAX) throw new JsonError("proto: exceeded max recursion depth");
  const open = text.next();
  if (open.kind !== "{") throw text.unexpected(open);
  const fields = fieldsByName(target.schema);
  const seen = new Set<DescField | string>();
  for (;;) {
    const token = text.next();
    if (token.kind === "}") return;
    const field = fields.get(token.text);
    if (field === undefined) {
      text.skip();
      continue;
    }
    if (seen.has(field)) throw text.error(token.start, `duplicate field ${text.raw(token)}`);
    seen.add(field);
    if (text.peek() === "null") {
      text.next();
      continue;
    }
    const { oneof } = field;
    if (oneof !== undefined) {
      if (seen.has(oneof.name)) {
        const name = `${oneof.parent.typeName}.${oneof.name}`;
        throw text.error(
          token.start,
          `error parsing ${text.raw(token)}, oneof ${name} is already set`,
        );
      }
      seen.add(oneof.name);
    }
    readField(text, { field, target });
  }
}

interface FieldTarget {
  readonly field: DescField;
  readonly target: Target;
}

function readField(text: JsonText, { field, target }: FieldTarget): void {
  const { writer } = target;
  switch (field.fieldKind) {
    case "message":
      return readSubmessage(text, { field, schema: field.message, target });
    case "scalar":
    case "enum": {
      const value = readScalar(text, field);
      if (value === undefined) return;
      // As protobuf does: a default is no value, but in a oneof it tells which one was meant.
      if (field.oneof === undefined && isDefault(value)) return;
      writer.tag(field.number, wireTypeOf(field));
      writeScalar(writer, { field, value });
      return;
    }
    case "list":
      return readList(text, { field, target });
    case "map":
      throw new TypeError(`Cannot read ${field.name}: no request of etcd has a map`);
  }
}

function readSubmessage(
  text: JsonText,
  { field, schema, target }: FieldTarget & { readonly schema: DescMessage },
): void {
  const { writer, depth } = target;
  writer.tag(field.number, WireType.LengthDelimited).fork();
  readMessage(text, { schema, writer, depth: depth + 1 });
  writer.join();
}

function readList(
  text: JsonText,
  { field, target }: { readonly field: DescField & { fieldKind: "list" }; readonly target: Target },
): void {
  const open = text.next();
  if (open.kind !== "[") throw text.unexpected(open);
  const { writer } = target;
  const isPacked = field.listKind !== "message" && field.packed;
  if (isPacked) writer.tag(field.number, WireType.LengthDelimited).fork();
  while (text.peek() !== "]") {
    if (field.listKind === "message") {
      readSubmessage(text, { field, schema: field.message, target });
      continue;
    }
    const value = readScalar(text, field);
    if (value === undefined) continue;
    if (!isPacked) writer.tag(field.number, wireTypeOf(field));
    writeScalar(writer, { field, value });
  }
  text.next();
  if (isPacked) writer.join();
}

type Scalar = boolean | bigint | string | Uint8Array;

/** How Go calls the types. */
const KINDS: Readonly<Partial<Record<ScalarType, string>>> = {
  [ScalarType.BOOL]: "bool",
  [ScalarType.INT32]: "int32",
  [ScalarType.INT64]: "int64",
  [ScalarType.UINT32]: "uint32",
  [ScalarType.UINT64]: "uint64",
  [ScalarType.STRING]: "string",
  [ScalarType.BYTES]: "bytes",
};

const INT32 = { min: -(2n ** 31n), max: 2n ** 31n - 1n };
const RANGES: Readonly<Partial<Record<ScalarType, { min: bigint; max: bigint }>>> = {
  [ScalarType.INT32]: INT32,
  [ScalarType.INT64]: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
  [ScalarType.UINT32]: { min: 0n, max: 2n ** 32n - 1n },
  [ScalarType.UINT64]: { min: 0n, max: 2n ** 64n - 1n },
};

/** Undefined for the name of an enum that is not known. */
function readScalar(text: JsonText, field: DescField): Scalar | undefined {
  const token = text.next();
  const value = field.enum === undefined
    ? scalarOf(text, { token, type: field.scalar })
    : enumOf(text, { token, field });
  if (value !== null) return value;
  const kind = field.enum === undefined ? KINDS[field.scalar ?? ScalarType.BOOL] : "enum";
  throw text.error(
    token.start,
    `invalid value for ${kind} field ${field.jsonName}: ${text.raw(token)}`,
  );
}

function enumOf(
  text: JsonText,
  { token, field }: { readonly token: Token; readonly field: DescField },
): bigint | undefined | null {
  if (token.kind === "number") return inRange(integerOf(text.raw(token)), INT32);
  if (token.kind !== "string") return null;
  const name = token.text;
  const value = field.enum?.values.find((known) => known.name === name);
  return value === undefined ? undefined : BigInt(value.number);
}

/** Null for what is no value of the type. */
function scalarOf(
  text: JsonText,
  { token, type }: { readonly token: Token; readonly type: ScalarType | undefined },
): Scalar | null {
  switch (type) {
    case ScalarType.BOOL:
      return token.kind === "bool" ? text.raw(token) === "true" : null;
    case ScalarType.STRING:
      return token.kind === "string" ? token.text : null;
    case ScalarType.BYTES:
      return token.kind === "string" ? bytesOf(token.text) : null;
    default: {
      const range = type === undefined ? undefined : RANGES[type];
      if (range === undefined) throw new TypeError("Cannot read a number with a fraction");
      if (token.kind === "number") return inRange(integerOf(text.raw(token)), range);
      return token.kind === "string" ? inRange(numeralOf(token.text), range) : null;
    }
  }
}

function inRange(value: bigint | null, { min, max }: { min: bigint; max: bigint }): bigint | null {
  return value === null || value < min || value > max ? null : value;
}

/** A number that was written as text: as Go does, up to what cannot belong to it. */
function numeralOf(text: string): bigint | null {
  const number = NUMERAL.exec(text)?.[0];
  return number === undefined || /\s$/.test(text) ? null : integerOf(number);
}

const NUMERAL = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![-+._a-zA-Z0-9])/;
const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/;
/** The largest unsigned number of 64 bits has as many. */
const DIGITS_MAX = 20;

/** A whole number, however it is written: `1.0` and `10e-1` are 1. */
function integerOf(text: string): bigint | null {
  const match = NUMBER.exec(text);
  if (match === null) return null;
  const [, sign, whole = "", fractionWithZeros = "", exponentText = "0"] = match;
  const integer = whole === "0" ? "" : whole;
  const fraction = fractionWithZeros.replace(/0+$/, "");
  if (integer === "" && fraction === "") return 0n;
  const exponent = Number(exponentText);
  let digits: string;
  if (exponent >= 0) {
    if (fraction.length > exponent || integer.length + exponent > DIGITS_MAX) return null;
    digits = integer + fraction + "0".repeat(exponent - fraction.length);
  } else {
    const end = integer.length + exponent;
    if (fraction !== "" || end <= 0 || /[^0]/.test(integer.slice(end))) return null;
    digits = integer.slice(0, end);
  }
  return BigInt(sign + digits);
}

const STANDARD = /^[A-Za-z0-9+/]*(={0,2})$/;
const URL_SAFE = /^[A-Za-z0-9_-]*(={0,2})$/;

/** base64 as Go takes it: either alphabet, with all of its padding or none. */
function bytesOf(text: string): Uint8Array | null {
  // Go passes over line breaks.
  const digits = /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, "") : text;
  const alphabet = /[-_]/.test(text) ? URL_SAFE : STANDARD;
  const padding = alphabet.exec(digits)?.[1]?.length;
  if (padding === undefined) return null;
  const isPadded = text.length % 4 === 0;
  if (isPadded ? digits.length % 4 !== 0 : padding > 0 || digits.length % 4 === 1) return null;
  return Buffer.from(digits, "base64");
}

function isDefault(value: Scalar): boolean {
  return typeof value === "object" ? value.length === 0 : !value;
}

function wireTypeOf({ scalar }: DescField): WireType {
  const isSized = scalar === ScalarType.STRING || scalar === ScalarType.BYTES;
  return isSized ? WireType.LengthDelimited : WireType.Varint;
}

function writeScalar(
  writer: BinaryWriter,
  { field, value }: { readonly field: DescField; readonly value: Scalar },
): void {
  if (typeof value === "string") writer.string(value);
  else if (typeof value === "boolean") writer.bool(value);
  else if (typeof value !== "bigint") writer.bytes(value);
  else if (field.scalar === ScalarType.UINT64) writer.uint64(value);
  else if (field.scalar === ScalarType.UINT32) writer.uint32(Number(value));
  else writer.int64(value);
}

const FIELDS = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/** Fields by either of their names. */
function fieldsByName(schema: DescMessage): ReadonlyMap<string, DescField> {
  let fields = FIELDS.get(schema);
  if (fields === undefined) {
    fields = new Map([
      ...schema.fields.map((field) => [field.name, field] as const),
      ...schema.fields.map((field) => [field.jsonName, field] as const),
    ]);
    FIELDS.set(schema, fields);
  }
  return fields;
}
