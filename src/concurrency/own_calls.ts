/**
 * The server as its own client: calls of its methods in the name of a caller, with the caller's token and certificate, so
 * that nobody can do more through a lock than by himself. etcd's lock and election services work in the same way.
 */

import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  TxnRequestSchema,
  TxnResponseSchema,
} from "../../gen/etcdserverpb/kv_pb.ts";
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
} from "../../gen/etcdserverpb/lease_pb.ts";
import type { WatchCreateRequestSchema } from "../../gen/etcdserverpb/watch_pb.ts";
import { GRPC, StatusError } from "../errors.ts";
import type { CallContext, MethodTable } from "../transport/call.ts";
import { joinParts } from "../transport/framing.ts";
import { WatchFeed } from "./watch_feed.ts";

export class OwnCalls {
  readonly #methods: MethodTable;
  readonly #caller: CallContext;

  constructor(methods: MethodTable, caller: CallContext) {
    this.#methods = methods;
    this.#caller = caller;
  }

  /** Aborted when the caller has left. */
  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  /** The same, but going on after the caller has left: for putting things in order behind him. */
  afterwards(): OwnCalls {
    const { peer, authority, clientName } = this.#caller;
    const metadata = (name: string) => this.#caller.metadata(name);
    const { signal } = new AbortController();
    return new OwnCalls(this.#methods, { peer, authority, clientName, metadata, signal });
  }

  range(request: MessageInitShape<typeof RangeRequestSchema>) {
    const types = { request: RangeRequestSchema, response: RangeResponseSchema };
    return this.#call("/etcdserverpb.KV/Range", types, request);
  }

  txn(request: MessageInitShape<typeof TxnRequestSchema>) {
    const types = { request: TxnRequestSchema, response: TxnResponseSchema };
    return this.#call("/etcdserverpb.KV/Txn", types, request);
  }

  delete(request: MessageInitShape<typeof DeleteRangeRequestSchema>) {
    const types = { request: DeleteRangeRequestSchema, response: DeleteRangeResponseSchema };
    return this.#call("/etcdserverpb.KV/DeleteRange", types, request);
  }

  grant(request: MessageInitShape<typeof LeaseGrantRequestSchema>) {
    const types = { request: LeaseGrantRequestSchema, response: LeaseGrantResponseSchema };
    return this.#call("/etcdserverpb.Lease/LeaseGrant", types, request);
  }

  watch(request: MessageInitShape<typeof WatchCreateRequestSchema>): WatchFeed {
    const method = this.#methods.get("/etcdserverpb.Watch/Watch");
    if (method === undefined || method.kind === "unary") throw new TypeError("no method Watch");
    return new WatchFeed({ handle: method.handle, caller: this.#caller, request });
  }

  async #call<Request extends DescMessage, Response extends DescMessage>(
    path: string,
    types: { readonly request: Request; readonly response: Response },
    request: MessageInitShape<Request>,
  ): Promise<MessageShape<Response>> {
    this.signal.throwIfAborted();
    const method = this.#methods.get(path);
    if (method?.kind !== "unary") throw new TypeError(`no unary method ${path}`);
    const bytes = toBinary(types.request, create(types.request, request));
    const answer = await method.handle(bytes, this.#caller);
    return fromBinary(types.response, joinParts(answer));
  }
}

/** What went wrong on the way has no code of its own any more when etcd tells it: only its text says what it was. */
export async function withoutCodes<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof StatusError) || KEPT.has(error.code)) throw error;
    throw new StatusError(GRPC.UNKNOWN, error.message, { cause: error });
  }
}

/** How the caller's own call ended. */
const KEPT: ReadonlySet<number> = new Set([GRPC.CANCELLED, GRPC.DEADLINE_EXCEEDED]);
