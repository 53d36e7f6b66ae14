/** Bytes as the views show them, and examples of all that makes a difference. */

import { bytes } from "../support/message_init.ts";

/** The rule of docs/sql.md, written anew. */
export function readable(value: Uint8Array): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
    // deno-lint-ignore no-control-regex -- they are what it is about
    if (!/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/.test(text)) return text;
  } catch {
    // Then it is not UTF-8.
  }
  return `0x${value.toHex().toUpperCase()}`;
}

const TEXTS = [
  "plain/key",
  'it\'s "quoted" \\ and `so` %_*?[x]^',
  "tab\tline\r\nend",
  "\u0001",
  "a\u0008",
  "\u000b",
  "\u000c",
  "\u000e",
  "\u001f",
  "\u007f",
  "\u0080",
  "b\u009f",
  "nul\0inside",
  "\0",
  "\u00a0",
  "ü",
  "ключ",
  "\u07ff",
  "\u0800",
  "日本",
  "\ud7ff",
  "\ue000",
  "\ufeffbom",
  "\ufffd",
  "\uffff",
  "\u{10000}",
  "😀 faces 😀",
  "\u{10ffff}",
  "ABCDEFGHIJKX",
  // The mark of bytes that are no text, as text.
  "0xFF",
];

/** Not UTF-8, alone and within text. */
const BROKEN = [
  "80",
  "bf",
  "c3",
  "c080",
  "c1bf",
  "c328",
  "c3a9a9",
  "e0",
  "e282",
  "e08080",
  "e09fbf",
  "e28228",
  "e282ac80",
  "eda080",
  "edbfbf",
  "f0",
  "f09f",
  "f09f98",
  "f0808080",
  "f08fbfbf",
  "f09f9880af",
  "f4908080",
  "f5808080",
  "f8888080",
  "fe",
  "ff",
];

/** Each once: keys as well as values. */
export const BYTES: readonly Uint8Array[] = [
  ...TEXTS.map((text) => bytes(text)),
  ...BROKEN.flatMap((hex) =>
    ["", "61", "c3bc"].map((around) => Uint8Array.fromHex(around + hex + around))
  ),
];
