/** The longest key a store takes: a database's indexes have bounds that etcd does not know. */
import { GRPC, StatusError } from "../errors.ts";
import type { Op } from "../mvcc/types.ts";

/** @throws {StatusError} that names the bound, before anything is written */
export function checkKeySize(op: Op, keySizeMax: number): void {
  switch (op.kind) {
    case "put":
      if (op.key.length > keySizeMax) throw tooLong(op.key.length, keySizeMax);
      return;
    case "txn":
      for (const inner of op.success) checkKeySize(inner, keySizeMax);
      for (const inner of op.failure) checkKeySize(inner, keySizeMax);
      return;
  }
}

function tooLong(size: number, max: number): StatusError {
  const text = `rhino: a key of ${size} bytes is too long: this store takes ${max} at most`;
  return new StatusError(GRPC.INVALID_ARGUMENT, text);
}
