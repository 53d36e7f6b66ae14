/** What a user or a role may be called: its name is part of a record's, and stores have bounds that etcd does not know. */
import { Buffer } from "node:buffer";
import { GRPC, StatusError } from "../errors.ts";
import { AUTH_NAME_BYTES_MAX } from "../limits.ts";

/** @throws {StatusError} that names the bound, before anything is written */
export function checkName(name: string): void {
  const size = Buffer.byteLength(name);
  if (size <= AUTH_NAME_BYTES_MAX) return;
  const text = `rhino: a name of ${size} bytes is too long: ${AUTH_NAME_BYTES_MAX} at most`;
  throw new StatusError(GRPC.INVALID_ARGUMENT, text);
}
