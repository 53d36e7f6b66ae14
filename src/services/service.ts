/** What every service is built from, and how it becomes a part of the transport's method table. */
import { Buffer } from "node:buffer";
import {
  create,
  type DescMessage,
  type DescService,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Authority } from "../auth/authority.ts";
import type { Quota } from "../mvcc/quota.ts";
import type { Store } from "../mvcc/store.ts";
import { EtcdError, GRPC, StatusError } from "../errors.ts";
import type { CallContext, MessageParts, Method, StreamCall } from "../transport/call.ts";
import { decodeMessage } from "../wire/decode.ts";
import type { ClientRequests } from "./client_requests.ts";
import type { HeaderEncoder } from "./header.ts";

export interface ServiceOptions {
  readonly store: Store;
  readonly quota: Quota;
  readonly header: HeaderEncoder;
  readonly authority: Authority;
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

/**
 * Decodes the request of a unary call.
 *
 * @throws {StatusError} with grpc-go's code and text, but for the detail
 */
export function decode<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  return decodeOr("grpc: error unmarshalling request", schema, bytes);
}

/** Decodes a message of a streaming call, for which grpc-go has another text. */
export function decodeStreamed<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  return decodeOr("grpc: failed to unmarshal the received message", schema, bytes);
}

function decodeOr<Desc extends DescMessage>(
  failure: string,
  schema: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  try {
    return decodeMessage(schema, bytes);
  } catch (cause) {
    const detail = "proto: cannot parse invalid wire-format data";
    throw new StatusError(GRPC.INTERNAL, `${failure}: ${detail}`, { cause });
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

/** Looks at what every call of etcd's services must carry, before it is handled. */
export function guarded(methods: ServiceMethods, requests?: ClientRequests): ServiceMethods {
  return methods.map(([path, method]) => {
    if (method.kind === "unary") {
      const handle = (bytes: Uint8Array, context: CallContext) => {
        const version = checkMetadata(context);
        requests?.count("unary", version);
        return method.handle(bytes, context);
      };
      return [path, { kind: method.kind, handle }];
    }
    const handle = (call: StreamCall) => {
      const version = checkMetadata(call);
      requests?.count("stream", version);
      return method.handle(call);
    };
    return [path, { kind: method.kind, handle }];
  });
}

/** A client may tell the version of its API; what is told must be text. */
function checkMetadata(context: CallContext): string | undefined {
  const version = context.metadata("client-api-version");
  if (version === undefined || /^[\x20-\x7e]*$/.test(version)) return version;
  try {
    // Headers arrive with one character per byte.
    return UTF8.decode(Buffer.from(version, "latin1"));
  } catch (cause) {
    throw new EtcdError("invalidClientApiVersion", { cause });
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });
