/** An answer → JSON as etcd's gateway writes it: names as in the .proto files, defaults left out, long numbers as text. */

import { type DescMessage, fromBinary, toJsonString } from "@bufbuild/protobuf";
import type { MessageParts } from "../transport/call.ts";
import { joinParts } from "../transport/framing.ts";

export function jsonOfMessage(schema: DescMessage, parts: MessageParts): string {
  const message = fromBinary(schema, joinParts(parts));
  return toJsonString(schema, message, { useProtoFieldName: true });
}

/** JSON within the lines of a stream, where Go also escapes what could end a script element. */
export function escapeHtml(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
