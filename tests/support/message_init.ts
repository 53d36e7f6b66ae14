/**
 * Messages written down the short way: `{ key: "a", limit: 5 }` instead of byte arrays and bigints.
 */

import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";

/** A message's fields, all optional; bytes may be strings (as UTF-8) and bigints numbers. */
export type Init<T> = T extends Uint8Array ? Uint8Array | string
  : T extends bigint ? bigint | number
  : T extends readonly (infer Item)[] ? readonly Init<Item>[]
  : T extends Message ? { readonly [Name in FieldNames<T>]?: Init<T[Name]> }
  // A oneof: its case is kept, its value is written like any other.
  : T extends { case: string; value: unknown }
    ? { readonly case: T["case"]; readonly value: Init<T["value"]> }
  : T;

type FieldNames<T extends Message> = Exclude<keyof T, "$typeName" | "$unknown">;

/** The fields a message of this kind can be made from. */
export type InitOf<S extends DescMessage> = Init<MessageShape<S>>;

/** Makes the message. */
export function message<S extends DescMessage>(schema: S, init: InitOf<S>): MessageShape<S> {
  const exact = exactFields(schema, init as Fields);
  // The walk below gave every field the type that the schema states; types cannot follow it.
  return create(schema, exact as MessageInitShape<S>);
}

/** A string's UTF-8 bytes; bytes as they are. */
export function bytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}

type Fields = Readonly<Record<string, unknown>>;

function exactFields(schema: DescMessage, init: Fields): Fields {
  const exact: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(init)) {
    // Of a message that was received; the schema says the same.
    if (name === "$typeName" || name === "$unknown") continue;
    const oneof = schema.oneofs.find((candidate) => candidate.localName === name);
    if (oneof !== undefined) {
      const chosen = value as { case?: string; value?: unknown }; // What `Init` says of a oneof.
      const field = schema.fields.find((candidate) => candidate.localName === chosen.case);
      exact[name] = field === undefined
        ? { case: undefined }
        : { case: chosen.case, value: exactValue(field, chosen.value) };
      continue;
    }
    const field = schema.fields.find((candidate) => candidate.localName === name);
    if (field === undefined) throw new TypeError(`${schema.typeName} has no field "${name}"`);
    if (value !== undefined) exact[name] = exactValue(field, value);
  }
  return exact;
}

function exactValue(field: DescField, value: unknown): unknown {
  if (field.fieldKind === "list") {
    return (value as readonly unknown[]).map((item) => exactItem(field, item)); // `Init`: an array.
  }
  return exactItem(field, value);
}

function exactItem(field: DescField, value: unknown): unknown {
  if (field.message !== undefined) return exactFields(field.message, value as Fields);
  if (field.scalar === undefined) return value; // An enum's number.
  if (typeof value === "number" && BIGINT_SCALARS.has(field.scalar)) return BigInt(value);
  if (typeof value === "string" && field.scalar === BYTES_SCALAR) return bytes(value);
  return value;
}

// Numbers of descriptor.proto: int64, uint64, fixed64, sfixed64, sint64; bytes.
const BIGINT_SCALARS: ReadonlySet<number> = new Set([3, 4, 6, 16, 18]);
const BYTES_SCALAR: number = 12;
