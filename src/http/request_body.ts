/** JSON out of request bodies: the first value of one, or every value as it comes. */

import { Buffer } from "node:buffer";
import { EtcdError, GRPC, StatusError } from "../errors.ts";
import { BODIES_BYTES_MAX } from "./bounds.ts";
import type { Exchange } from "./exchange.ts";
import { JsonError, JsonScanner } from "./json_scanner.ts";

/** What all bodies that are being read take together. */
export class BodyBudget {
  #bytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax = BODIES_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** @throws {EtcdError} `tooManyRequests` */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax) throw new EtcdError("tooManyRequests");
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export interface BodyBounds {
  readonly budget: BodyBudget;
  /** Of one value, blanks and all. */
  readonly bytesMax: number;
}

/** The pieces of a value that is not whole yet. */
class Pieces {
  readonly #bounds: BodyBounds;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(bounds: BodyBounds) {
    this.#bounds = bounds;
  }

  /** @throws {StatusError} past a bound */
  add(chunk: Uint8Array): void {
    const { bytesMax, budget } = this.#bounds;
    const bytes = this.#bytes + chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytes, bytesMax);
    budget.take(chunk.length);
    this.#bytes = bytes;
    this.#chunks.push(chunk);
  }

  take(): Buffer {
    const joined = Buffer.concat(this.#chunks);
    this.clear();
    return joined;
  }

  clear(): void {
    this.#bounds.budget.give(this.#bytes);
    this.#chunks = [];
    this.#bytes = 0;
  }
}

export function tooLarge(bytes: number, bytesMax: number): StatusError {
  return new StatusError(
    GRPC.RESOURCE_EXHAUSTED,
    `grpc: received message larger than max (${bytes} vs. ${bytesMax})`,
  );
}

/** JSON without the blanks before it, as positions are counted from its first character. */
function trimStart(json: Uint8Array): Uint8Array {
  let at = 0;
  while (at < json.length && (json[at] ?? 0) <= 0x20) at++;
  return json.subarray(at);
}

/**
 * Waits for the whole body and returns its first value, or undefined if it has none; what follows is passed over.
 *
 * @throws {JsonError} if it is no JSON
 * @throws {StatusError} past a bound
 */
export async function firstValue(
  { body }: Exchange,
  { bounds, signal }: { readonly bounds: BodyBounds; readonly signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  const pieces = new Pieces(bounds);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>();
  const onData = (chunk: Buffer) => {
    try {
      pieces.add(chunk);
    } catch (error) {
      reject(error);
    }
  };
  const onAbort = () => reject(signal.reason);
  const onEnd = () => {
    try {
      resolve(valueOf(pieces.take()));
    } catch (error) {
      reject(error);
    }
  };
  signal.addEventListener("abort", onAbort);
  body.on("data", onData).on("end", onEnd);
  try {
    if (signal.aborted) onAbort();
    return await promise;
  } finally {
    pieces.clear();
    signal.removeEventListener("abort", onAbort);
    body.off("data", onData).off("end", onEnd);
  }
}

function valueOf(bytes: Uint8Array): Uint8Array | undefined {
  const scanner = new JsonScanner();
  const end = scanner.scan(bytes, 0);
  if (end >= 0) return trimStart(bytes.subarray(0, end));
  if (scanner.finish()) return trimStart(bytes);
  if (scanner.isInside) throw new JsonError("unexpected EOF");
  return undefined;
}

export interface ValueSink {
  onValue(json: Uint8Array): void;
  /** The body is over, or makes no sense from here on. */
  onEnd(): void;
  /** A bound was passed. */
  onFailure(error: unknown): void;
}

/** Hands on every value of a body as soon as it is whole. */
export function readValues({ body }: Exchange, bounds: BodyBounds, sink: ValueSink): void {
  const scanner = new JsonScanner();
  const pieces = new Pieces(bounds);
  let isOver = false;
  function finish(): void {
    if (isOver) return;
    isOver = true;
    pieces.clear();
    sink.onEnd();
  }
  function read(chunk: Buffer): void {
    for (let from = 0; from < chunk.length && !isOver;) {
      const end = scanner.scan(chunk, from);
      if (end < 0) {
        if (scanner.isInside) pieces.add(chunk.subarray(from));
        return;
      }
      pieces.add(chunk.subarray(from, end));
      from = end;
      sink.onValue(trimStart(pieces.take()));
    }
  }
  body.on("data", (chunk: Buffer) => {
    if (isOver) return;
    try {
      read(chunk);
    } catch (error) {
      finish();
      // etcd's gateway takes what is no JSON for the end of the requests.
      if (!(error instanceof JsonError)) sink.onFailure(error);
    }
  });
  body.on("end", finish);
  body.on("close", finish);
}
