/**
 * Bytes as strings of one character per byte. Such strings compare as the bytes do, serve as keys
 * of a map, and can be shown; nothing is decoded, so invalid UTF-8 is as good as any.
 */

export function byteString(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The string as a test's output can show it: `a\x00`; a long one is cut. */
export function shown(text: string): string {
  const lengthMax = 40;
  const head = text.slice(0, lengthMax).replace(
    /[^ -~]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return text.length > lengthMax ? `${head}…(${text.length} bytes)` : head;
}
