/** JSON over HTTP: a request becomes a message, goes to the method's own handler, and its answer becomes JSON again. */

import type { DescMethod } from "@bufbuild/protobuf";
import { GRPC, StatusError } from "../errors.ts";
import type { Method, MethodTable, StreamHandler, UnaryHandler } from "../transport/call.ts";
import { serviceNames, unimplemented } from "../transport/call_front.ts";
import type { CallObserver, CallSet } from "../transport/calls.ts";
import type { StatusMapper } from "../transport/status.ts";
import { BODY_TIMEOUT_MS, JSON_EXPANSION_MAX } from "./bounds.ts";
import { type Exchange, headerOf } from "./exchange.ts";
import { GatewayCall, type GatewayRequest, GatewayStreamCall } from "./gateway_call.ts";
import { checkBinaryMetadata } from "./gateway_metadata.ts";
import { GATEWAY_PATHS, grpcPathOf } from "./gateway_paths.ts";
import { replyStatus } from "./gateway_status.ts";
import { messageOfJson } from "./json_message.ts";
import { JsonError } from "./json_scanner.ts";
import { type BodyBounds, BodyBudget, firstValue, readValues, tooLarge } from "./request_body.ts";

export interface GatewayOptions {
  readonly methods: MethodTable;
  /** Longest message, in gRPC's format. */
  readonly maxReceiveBytes: number;
  readonly mapStatus: StatusMapper;
  readonly observe: CallObserver | undefined;
  readonly unaryCalls: CallSet;
  readonly streamCalls: CallSet;
}

/** Serves a request for a path under `/v3/`. */
export type Gateway = (exchange: Exchange, path: string) => void;

const NOT_FOUND = { code: GRPC.NOT_FOUND, message: "Not Found" };
/** grpc-gateway's choice of a code. */
const METHOD_NOT_ALLOWED = { code: GRPC.UNIMPLEMENTED, message: "Method Not Allowed" };

export function createGateway(options: GatewayOptions): Gateway {
  const { methods, maxReceiveBytes } = options;
  const services = serviceNames(methods);
  const bounds = { budget: new BodyBudget(), bytesMax: maxReceiveBytes * JSON_EXPANSION_MAX };

  function handlerOf(method: DescMethod): Method {
    const path = grpcPathOf(method);
    const found = methods.get(path);
    if (found !== undefined) return found;
    const { code, message } = unimplemented(path, services);
    throw new StatusError(code, message);
  }

  return function serve(exchange, path) {
    const method = GATEWAY_PATHS.get(path);
    if (method === undefined) return replyStatus(exchange, NOT_FOUND);
    if (methodOf(exchange) !== "POST") return replyStatus(exchange, METHOD_NOT_ALLOWED);
    const request = { exchange, method };
    const parts = { request, options, bounds, handlerOf };
    if (method.methodKind === "unary") void serveUnary(parts);
    else void serveStream(parts);
  };
}

/** A form may name the method that it means. */
function methodOf(exchange: Exchange): string {
  const isForm = headerOf(exchange, "content-type") === "application/x-www-form-urlencoded";
  const named = headerOf(exchange, "x-http-method-override") ?? "";
  return isForm && exchange.method === "POST" && named !== "" ? named : exchange.method;
}

interface Parts {
  readonly request: GatewayRequest;
  readonly options: GatewayOptions;
  readonly bounds: BodyBounds;
  /** @throws {StatusError} Unimplemented */
  handlerOf(method: DescMethod): Method;
}

async function serveUnary({ request, options, bounds, handlerOf }: Parts): Promise<void> {
  const call = new GatewayCall(request, { ...options, calls: options.unaryCalls });
  try {
    prepare(call, request);
    const bytes = await readMessage(request, { call, bounds, options });
    call.begin();
    call.received(bytes);
    // The table says what kind a path is, and a service's own table agrees.
    const handle = handlerOf(request.method).handle as UnaryHandler;
    await call.answer(await handle(bytes, call));
  } catch (error) {
    call.fail(error);
  }
}

async function serveStream({ request, options, bounds, handlerOf }: Parts): Promise<void> {
  const { exchange, method } = request;
  const call = new GatewayStreamCall(request, { ...options, calls: options.streamCalls });
  try {
    prepare(call, request);
    if (method.methodKind === "bidi_streaming") {
      readValues(exchange, bounds, {
        onValue: (json) => call.push(encode(method, { json, options })),
        onEnd: () => call.requests.end(),
        onFailure: (error) => call.breakOff(error),
      });
    } else {
      call.push(await readMessage(request, { call, bounds, options }));
      call.requests.end();
    }
    call.begin();
    const handle = handlerOf(method).handle as StreamHandler;
    await handle(call);
    call.end();
  } catch (error) {
    call.fail(error);
  }
}

function prepare(call: GatewayCall, { exchange }: GatewayRequest): void {
  call.startClock();
  checkBinaryMetadata(exchange);
}

/** The one message of a call; an empty body is an empty message. */
async function readMessage(
  { exchange, method }: GatewayRequest,
  { call, bounds, options }: {
    readonly call: GatewayCall;
    readonly bounds: BodyBounds;
    readonly options: GatewayOptions;
  },
): Promise<Uint8Array> {
  const timer = setTimeout(() => exchange.destroy(), BODY_TIMEOUT_MS);
  try {
    const json = await firstValue(exchange, { bounds, signal: call.signal });
    return json === undefined ? new Uint8Array(0) : encode(method, { json, options });
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new StatusError(GRPC.INVALID_ARGUMENT, error.message);
  } finally {
    clearTimeout(timer);
  }
}

function encode(
  method: DescMethod,
  { json, options }: { readonly json: Uint8Array; readonly options: GatewayOptions },
): Uint8Array {
  const bytes = messageOfJson(method.input, json);
  const { maxReceiveBytes } = options;
  if (bytes.length > maxReceiveBytes) throw tooLarge(bytes.length, maxReceiveBytes);
  return bytes;
}
