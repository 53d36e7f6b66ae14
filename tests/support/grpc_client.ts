/** gRPC calls made from generated service descriptors, over one connection. */

import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type CallOptions, Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import "./goaway_guard.ts";
import { GrpcStream } from "./grpc_stream.ts";
import { type InitOf, message } from "./message_init.ts";
import { RpcError } from "./rpc_error.ts";

/** A unary call that takes longer fails with DeadlineExceeded. */
const UNARY_TIMEOUT_MS = 30_000;

/** A transaction may nest 128 deep, with two messages a level: more than the library's own limit. */
const NESTING_MAX = 1000;

export interface CallExtras {
  /** Request headers, by lower-case name. */
  readonly metadata?: Readonly<Record<string, string | Uint8Array>>;
  readonly timeoutMs?: number;
}

interface MethodType {
  readonly methodKind: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
}

type Call<M extends MethodType> = M["methodKind"] extends "unary"
  ? (request: InitOf<M["input"]>, extras?: CallExtras) => Promise<MessageShape<M["output"]>>
  : M["methodKind"] extends "server_streaming"
    ? (request: InitOf<M["input"]>, extras?: CallExtras) => GrpcStream<M["input"], M["output"]>
  : (extras?: CallExtras) => GrpcStream<M["input"], M["output"]>;

/** What this file needs of protobuf-es' `GenService`. */
interface ServiceType {
  readonly typeName: string;
  readonly method: Readonly<Record<string, MethodType & { readonly name: string }>>;
}

/** A service's methods as functions. */
export type ServiceClient<S extends ServiceType> = {
  readonly [Name in keyof S["method"]]: Call<S["method"][Name]>;
};

/** One connection; calls on it share it. */
export class GrpcConnection {
  readonly #client: Client;
  readonly #openStreams = new Set<Disposable>();

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      // By default connections are shared between clients; tests want to count on their own.
      "grpc.use_local_subchannel_pool": 1,
      // A restarted server is to be found again at once.
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 500,
    });
  }

  /** Cancels the streams that are still open and closes the connection. */
  close(): void {
    for (const stream of this.#openStreams) stream[Symbol.dispose]();
    this.#client.close();
  }

  service<S extends ServiceType>(service: S): ServiceClient<S> {
    const calls = Object.entries(service.method).map(([localName, method]) => {
      const path = `/${service.typeName}/${method.name}`;
      return [localName, this.#call(path, method)] as const;
    });
    // Built from the same descriptor that the type is computed from, which tsc cannot follow.
    return Object.fromEntries(calls) as ServiceClient<S>;
  }

  /** A unary call with the request as it is, well-formed or not. */
  unaryBytes(path: string, request: Uint8Array, extras: CallExtras = {}): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const done = (error: ServiceError | null, answer?: Uint8Array) => {
      if (error !== null) reject(new RpcError(error));
      else resolve(answer ?? new Uint8Array());
    };
    const timeoutMs = extras.timeoutMs ?? UNARY_TIMEOUT_MS;
    this.#client.makeUnaryRequest(
      path,
      asBuffer,
      asBytes,
      request,
      metadataOf(extras),
      callOptions({ ...extras, timeoutMs }),
      done,
    );
    return promise;
  }

  /** A function of the type that `Call` computes for the method. */
  #call(path: string, method: MethodType): unknown {
    const { input, output } = method;
    switch (method.methodKind) {
      case "unary":
        return async (request: InitOf<DescMessage>, extras?: CallExtras) => {
          const bytes = toBinary(input, message(input, request));
          const answer = await this.unaryBytes(path, bytes, extras);
          return fromBinary(output, answer, { recursionLimit: NESTING_MAX });
        };
      case "server_streaming":
        return (request: InitOf<DescMessage>, extras?: CallExtras) => {
          const stream = this.#stream(path, method, extras);
          stream.send(request);
          stream.halfClose();
          return stream;
        };
      default:
        return (extras?: CallExtras) => this.#stream(path, method, extras);
    }
  }

  #stream(path: string, types: MethodType, extras: CallExtras = {}) {
    const call = this.#client.makeBidiStreamRequest(
      path,
      asBuffer,
      asBytes,
      metadataOf(extras),
      callOptions(extras),
    );
    const stream = new GrpcStream(call, types);
    this.#openStreams.add(stream);
    call.on("status", () => this.#openStreams.delete(stream));
    return stream;
  }
}

function metadataOf({ metadata: headers = {} }: CallExtras): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) {
    metadata.set(name, typeof value === "string" ? value : asBuffer(value));
  }
  return metadata;
}

function callOptions({ timeoutMs }: CallExtras): CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer);
}
