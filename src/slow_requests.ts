/**
 * Tells of requests that took too long: one line each, with what etcd tells in its "apply request took too long". A server
 * in trouble has thousands of them, so the lines are bounded, and what was left out is counted.
 */

import { Buffer } from "node:buffer";
import { fromBinary } from "@bufbuild/protobuf";
import {
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  TxnRequestSchema,
} from "../gen/etcdserverpb/kv_pb.ts";
import type { Log } from "./log.ts";
import type { MessageParts } from "./transport/call.ts";
import type { CallFacts } from "./transport/calls.ts";

export interface SlowRequest {
  readonly path: string;
  /** gRPC's status. */
  readonly code: number;
  readonly durationMs: number;
  readonly facts: CallFacts;
}

export interface SlowRequestsOptions {
  readonly log: Log;
  /** What was expected. */
  readonly expectedMs: number;
  /** Milliseconds, for measuring only. */
  readonly now: () => number;
  /** Calls back later; answers how to take that back. */
  readonly later?: (ms: number, call: () => void) => () => void;
}

/** Lines in one window; the rest of it is counted. */
export const SLOW_LINES_MAX = 10;
export const SLOW_WINDOW_MS = 1_000;
/** Larger messages are not looked into: the server is slow as it is. */
const LOOKED_INTO_BYTES_MAX = 64 * 1024;
/** Of a key. */
const KEY_BYTES_SHOWN = 128;

export class SlowRequests implements Disposable {
  readonly #options: SlowRequestsOptions;
  #windowEndMs = -Infinity;
  #lines = 0;
  #leftOut = 0;
  #cancelSummary: (() => void) | undefined;

  constructor(options: SlowRequestsOptions) {
    this.#options = options;
  }

  add(request: SlowRequest): void {
    const { log, expectedMs, now, later = callLater } = this.#options;
    const nowMs = now();
    if (nowMs >= this.#windowEndMs) {
      this.#windowEndMs = nowMs + SLOW_WINDOW_MS;
      this.#lines = 0;
    }
    if (this.#lines >= SLOW_LINES_MAX) {
      this.#leftOut++;
      this.#cancelSummary ??= later(this.#windowEndMs - nowMs, () => this.#tellLeftOut());
      return;
    }
    this.#lines++;
    log("warn", "apply request took too long", {
      path: request.path,
      tookMs: Math.round(request.durationMs),
      expectedMs,
      ...(request.code === 0 ? {} : { code: request.code }),
      remote: request.facts.peer,
      ...describe(request),
    });
  }

  #tellLeftOut(): void {
    this.#cancelSummary = undefined;
    if (this.#leftOut === 0) return;
    this.#options.log("warn", "more requests took too long than are logged", {
      notLogged: this.#leftOut,
    });
    this.#leftOut = 0;
  }

  [Symbol.dispose](): void {
    this.#cancelSummary?.();
    this.#tellLeftOut();
  }
}

function callLater(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}

function describe({ path, facts }: SlowRequest): Record<string, unknown> {
  const { requestMessage: request, responseMessage: response } = facts;
  return {
    ...(request === undefined ? {} : { requestBytes: request.byteLength }),
    ...(request === undefined ? {} : ofRequest(path, request)),
    ...(response === undefined ? {} : { responseBytes: lengthOf(response) }),
    ...(response === undefined ? {} : ofResponse(path, response)),
  };
}

function lengthOf(parts: MessageParts): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
}

/** Keys, and how many; never values. */
function ofRequest(path: string, bytes: Uint8Array): Record<string, unknown> {
  if (bytes.byteLength > LOOKED_INTO_BYTES_MAX) return {};
  try {
    switch (path) {
      case "/etcdserverpb.KV/Range":
        return keys(fromBinary(RangeRequestSchema, bytes));
      case "/etcdserverpb.KV/Put":
        return { key: shown(fromBinary(PutRequestSchema, bytes).key) };
      case "/etcdserverpb.KV/DeleteRange":
        return keys(fromBinary(DeleteRangeRequestSchema, bytes));
      case "/etcdserverpb.KV/Txn": {
        const { compare, success, failure } = fromBinary(TxnRequestSchema, bytes);
        return { compares: compare.length, success: success.length, failure: failure.length };
      }
    }
  } catch {
    // It was refused for what is wrong with it.
  }
  return {};
}

function keys({ key, rangeEnd }: { key: Uint8Array; rangeEnd: Uint8Array }) {
  return { key: shown(key), ...(rangeEnd.length === 0 ? {} : { rangeEnd: shown(rangeEnd) }) };
}

function ofResponse(path: string, parts: MessageParts): Record<string, unknown> {
  if (lengthOf(parts) > LOOKED_INTO_BYTES_MAX) return {};
  const bytes = Buffer.concat(parts);
  switch (path) {
    case "/etcdserverpb.KV/Range":
      return { responseCount: fromBinary(RangeResponseSchema, bytes).kvs.length };
    case "/etcdserverpb.KV/DeleteRange":
      return { responseCount: Number(fromBinary(DeleteRangeResponseSchema, bytes).deleted) };
  }
  return {};
}

/** A key is bytes: what is not plain ASCII is told in hexadecimal digits. */
function shown(key: Uint8Array): string {
  let text = "";
  for (const byte of key.subarray(0, KEY_BYTES_SHOWN)) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return key.length > KEY_BYTES_SHOWN ? `${text}… (${key.length} bytes)` : text;
}
