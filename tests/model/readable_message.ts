/** Messages as plain data: to be compared field by field, and read when they differ. */

import type { Message } from "@bufbuild/protobuf";
import { byteString, shown } from "./byte_string.ts";

export type Readable = string | number | boolean | undefined | Readable[] | {
  [field: string]: Readable;
};

/** Bytes become text with escapes, 64-bit integers their digits; fields that are not set go. */
export function readable(value: unknown): Readable {
  if (value instanceof Uint8Array) return shown(byteString(value));
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([name, field]) =>
      field !== undefined && name !== "$typeName" && name !== "$unknown"
    );
    return Object.fromEntries(fields.map(([name, field]) => [name, readable(field)]));
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  return undefined;
}

/** One line of it, without what has its default. */
export function brief(message: Message): string {
  return JSON.stringify(readable(message), (_, value: Readable) => {
    const isDefault = value === "" || value === 0 || value === false || value === "0n" ||
      (Array.isArray(value) && value.length === 0);
    return isDefault ? undefined : value;
  });
}
