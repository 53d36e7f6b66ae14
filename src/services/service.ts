/** What every service is built from, and how it becomes a part of the transport's method table. */
import {
  create,
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Quota } from "../mvcc/quota.ts";
import type { Store } from "../mvcc/store.ts";
import { GRPC, StatusError } from "../errors.ts";
import type { CallContext, MessageParts, Method } from "../transport/call.ts";
import type { HeaderEncoder } from "./header.ts";

export interface ServiceOptions {
  readonly store: Store;
  readonly quota: Quota;
  readonly header: HeaderEncoder;
  /** Longest write request, in bytes. */
  readonly requestBytesMax: number;
  /** Most operations in one transaction. */
  readonly txnOpsMax: number;
}

/** gRPC path → method, of one service. */
export type ServiceMethods = [path: string, method: Method][];

/** `/package.Service/Method`. */
export function pathOf(service: DescService, method: string): string {
  return `/${service.typeName}/${method}`;
}

/** @throws {StatusError} with grpc-go's code and the start of its text if the bytes are not such a message */
export function decode<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new StatusError(
      GRPC.INTERNAL,
      "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
      { cause },
    );
  }
}

export function encode<Desc extends DescMessage>(
  schema: Desc,
  message: MessageInitShape<Desc>,
): MessageParts {
  return [toBinary(schema, create(schema, message))];
}

/** A unary method over messages that protobuf-es decodes and encodes: for all that is not hot. */
export function unary<Request extends DescMessage, Response extends DescMessage>(
  types: { readonly request: Request; readonly response: Response },
  handle: (
    request: MessageShape<Request>,
    context: CallContext,
  ) => Promise<MessageInitShape<Response>> | MessageInitShape<Response>,
): Method {
  return {
    kind: "unary",
    async handle(bytes, context) {
      const request = decode(types.request, bytes);
      return encode(types.response, await handle(request, context));
    },
  };
}
