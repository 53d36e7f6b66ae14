/** The `grpc-message` header: percent-encoded as gRPC wants it, which is not how URIs are encoded. */

/** Printable ASCII without `%` goes as it is, spaces too. */
const PLAIN = /^[ -$&-~]*$/;

/** A longer text is cut: a header must fit what any client accepts. */
const TEXT_LENGTH_MAX = 4_096;

const encoder = new TextEncoder();

export function encodeGrpcMessage(text: string): string {
  const bounded = text.length > TEXT_LENGTH_MAX ? text.slice(0, TEXT_LENGTH_MAX) : text;
  if (PLAIN.test(bounded)) return bounded;
  let encoded = "";
  for (const byte of encoder.encode(bounded)) {
    encoded += byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
