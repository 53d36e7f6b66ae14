/**
 * Decodes protobuf requests as etcd's Go server does, where protobuf-es differs: a field whose wire type is not its own is
 * an unknown one and skipped, and messages may be nested as deep as etcd's transactions go. It is table-driven, and
 * cheaper than the library's reflection.
 */
import {
  create,
  type DescField,
  type DescMessage,
  type MessageShape,
  ScalarType,
} from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { MESSAGE_DEPTH_MAX } from "../limits.ts";

/** Reads one value of a field. */
type ReadValue = (reader: BinaryReader, depth: number) => unknown;

interface Field {
  /** Property of the message, or of its oneof. */
  readonly name: string;
  /** The property that holds the oneof which the field is a member of. */
  readonly oneof: string | undefined;
  readonly isList: boolean;
  readonly wireType: WireType;
  readonly isPackable: boolean;
  readonly read: ReadValue;
}

/** Field number → field. */
type Table = ReadonlyMap<number, Field>;

const tables = new Map<string, Table>();
const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** @throws {Error} if the bytes are no message in protobuf's wire format */
export function decodeMessage<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  const reader = new BinaryReader(bytes);
  return readMessage(schema, { reader, end: bytes.length, depth: 0 }) as MessageShape<Desc>;
}

function readMessage(
  schema: DescMessage,
  { reader, end, depth }: { reader: BinaryReader; end: number; depth: number },
): unknown {
  if (depth > MESSAGE_DEPTH_MAX) throw new RangeError("messages are nested too deep");
  // Properties are set by name; the table holds only names of the schema.
  const message = create(schema) as unknown as Record<string, unknown>;
  const table = tableOf(schema);
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const field = table.get(number);
    if (field === undefined) reader.skip(wireType, number);
    else if (wireType === field.wireType) set(message, field, field.read(reader, depth));
    else if (wireType === WireType.LengthDelimited && field.isPackable) {
      readPacked(message, field, reader);
    } else reader.skip(wireType, number);
  }
  if (reader.pos !== end) throw new RangeError("a field is longer than its message");
  return message;
}

function set(
  message: Record<string, unknown>,
  { name, oneof, isList }: Field,
  value: unknown,
): void {
  if (oneof !== undefined) message[oneof] = { case: name, value };
  // A list exists from the message's creation on.
  else if (isList) (message[name] as unknown[]).push(value);
  else message[name] = value;
}

function readPacked(message: Record<string, unknown>, field: Field, reader: BinaryReader): void {
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new RangeError("a packed field is longer than its message");
  while (reader.pos < end) set(message, field, field.read(reader, 0));
}

function tableOf(schema: DescMessage): Table {
  let table = tables.get(schema.typeName);
  if (table === undefined) {
    table = new Map(schema.fields.map((field) => [field.number, fieldOf(field)]));
    tables.set(schema.typeName, table);
  }
  return table;
}

function fieldOf(field: DescField): Field {
  const { read, wireType } = valueOf(field);
  return {
    name: field.localName,
    oneof: field.oneof?.localName,
    isList: field.fieldKind === "list",
    isPackable: field.fieldKind === "list" && wireType === WireType.Varint,
    wireType,
    read,
  };
}

function valueOf(field: DescField): { read: ReadValue; wireType: WireType } {
  if (field.message !== undefined && field.fieldKind !== "map") {
    const schema = field.message;
    return {
      wireType: WireType.LengthDelimited,
      read(reader, depth) {
        const length = reader.uint32();
        const end = reader.pos + length;
        if (end > reader.len) throw new RangeError("a message is longer than what holds it");
        return readMessage(schema, { reader, end, depth: depth + 1 });
      },
    };
  }
  if (field.enum !== undefined) {
    return {
      wireType: WireType.Varint,
      read: (reader) => reader.int32(),
    };
  }
  if (field.scalar === undefined) throw new TypeError(`${field.name}: no request has such a field`);
  return scalarOf(field.scalar);
}

function scalarOf(scalar: ScalarType): { read: ReadValue; wireType: WireType } {
  const { Varint, LengthDelimited } = WireType;
  switch (scalar) {
    case ScalarType.INT64:
      return { wireType: Varint, read: (reader) => reader.int64() };
    case ScalarType.UINT64:
      return { wireType: Varint, read: (reader) => reader.uint64() };
    case ScalarType.INT32:
      return { wireType: Varint, read: (reader) => reader.int32() };
    case ScalarType.UINT32:
      return { wireType: Varint, read: (reader) => reader.uint32() };
    case ScalarType.BOOL:
      return { wireType: Varint, read: (reader) => reader.bool() };
    case ScalarType.BYTES:
      return { wireType: LengthDelimited, read: (reader) => reader.bytes() };
    case ScalarType.STRING:
      return { wireType: LengthDelimited, read: (reader) => UTF8.decode(reader.bytes()) };
    default:
      throw new TypeError(`no request has a field of scalar type ${ScalarType[scalar]}`);
  }
}
