/** The Watch service: one call is one stream of watchers, made and ended by the client's messages. */
import {
  Watch,
  type WatchCreateRequest,
  WatchCreateRequest_FilterType as Filter,
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/etcdserverpb/watch_pb.ts";
import type { Authority } from "../auth/authority.ts";
import { checkRange } from "../auth/checks.ts";
import { EtcdError, GRPC, StatusError } from "../errors.ts";
import {
  REQUEST_BYTES_MAX,
  REQUEST_OVERHEAD_BYTES,
  WATCH_PROGRESS_INTERVAL_MS,
  WATCH_PROGRESS_INTERVAL_MS_MAX,
  WATCH_PROGRESS_INTERVAL_MS_MIN,
} from "../limits.ts";
import { isEmpty, keyName, type KeyRange, keyRange } from "../mvcc/key_range.ts";
import { aborted, type StreamCall } from "../transport/call.ts";
import type { EventBlock } from "../watch/event_batch.ts";
import type { WatchHub } from "../watch/hub.ts";
import { eventResponses } from "../watch/watch_response.ts";
import { NO_WATCH_ID, type WatchOutlet, WatchStream } from "../watch/watch_stream.ts";
import type { Watcher, WatcherOptions } from "../watch/watcher.ts";
import type { HeaderEncoder } from "./header.ts";
import { decodeStreamed, encode, pathOf, type ServiceMethods } from "./service.ts";

export interface WatchServiceOptions {
  readonly authority: Authority;
  readonly hub: WatchHub;
  readonly header: HeaderEncoder;
  /** Between periodic progress notifications; a shorter one than etcd takes is raised. */
  readonly progressIntervalMs?: number;
  /** Longest write request, in bytes: with gRPC's overhead, the size at which responses are cut for those who ask for it. */
  readonly requestBytesMax?: number;
}

export function watchMethods(options: WatchServiceOptions): ServiceMethods {
  return [[pathOf(Watch, "Watch"), { kind: "bidi", handle: (call) => serveWatch(call, options) }]];
}

async function serveWatch(call: StreamCall, options: WatchServiceOptions): Promise<void> {
  using session = new WatchSession(call, options);
  await Promise.race([session.failure, serveRequests(call, session)]);
}

async function serveRequests(call: StreamCall, session: WatchSession): Promise<void> {
  for await (const bytes of call.requests) {
    const handled = session.handle(decodeStreamed(WatchRequestSchema, bytes));
    if (handled !== undefined) await handled;
    // A client that asks and does not read is not asked for more until it reads.
    if (session.isFull) await call.drained();
  }
  // The client has said all that it wants to; events go on until it leaves.
  await aborted(call.signal);
}

/** What a response without events says besides its header. */
type ControlResponse =
  & Pick<WatchResponse, "watchId">
  & Partial<Pick<WatchResponse, "created" | "canceled" | "cancelReason" | "compactRevision">>;

/** As Go writes a status in the text of an error. */
function goCodeName({ code }: StatusError): string {
  switch (code) {
    case GRPC.UNAUTHENTICATED:
      return "Unauthenticated";
    case GRPC.INVALID_ARGUMENT:
      return "InvalidArgument";
    case GRPC.PERMISSION_DENIED:
      return "PermissionDenied";
    default:
      return "Unavailable";
  }
}

/** The smallest key, which stands for an empty one. */
const FIRST_KEY: Uint8Array = new Uint8Array(1);

/** One call: requests to its stream, the stream's news to responses. */
class WatchSession implements WatchOutlet, Disposable {
  readonly #call: StreamCall;
  readonly #options: WatchServiceOptions;
  readonly #stream: WatchStream;
  readonly #fragmentBytes: number;
  readonly #failure = Promise.withResolvers<never>();
  #hasFailed = false;

  constructor(call: StreamCall, options: WatchServiceOptions) {
    const {
      hub,
      progressIntervalMs = WATCH_PROGRESS_INTERVAL_MS,
      requestBytesMax = REQUEST_BYTES_MAX,
    } = options;
    this.#call = call;
    this.#options = options;
    this.#fragmentBytes = requestBytesMax + REQUEST_OVERHEAD_BYTES;
    this.#stream = new WatchStream({
      hub,
      outlet: this,
      progressIntervalMs: Math.min(
        Math.max(progressIntervalMs, WATCH_PROGRESS_INTERVAL_MS_MIN),
        WATCH_PROGRESS_INTERVAL_MS_MAX,
      ),
    });
  }

  /** Rejects when the call must end because of a defect. */
  get failure(): Promise<never> {
    return this.#failure.promise;
  }

  handle({ requestUnion: request }: WatchRequest): Promise<void> | undefined {
    if (this.#hasFailed) return undefined;
    switch (request.case) {
      case "createRequest":
        return this.#create(request.value);
      case "cancelRequest":
        this.#cancel(request.value.watchId);
        break;
      case "progressRequest":
        this.#stream.requestProgress();
        break;
      case undefined:
        // etcd passes over what it does not know.
        break;
    }
    return undefined;
  }

  #create(request: WatchCreateRequest): Promise<void> | undefined {
    if (request.startRevision < 0n) {
      this.#refuse(new EtcdError("compacted").message);
      return undefined;
    }
    const key = request.key.length === 0 ? FIRST_KEY : request.key;
    const range = keyRange(key, request.rangeEnd);
    if (this.#options.authority.state.isEnabled) return this.#createIfAllowed(request, range);
    this.#make(request, range);
    return undefined;
  }

  /** Whoever may read the range when the watcher is made goes on being told of it, as in etcd. */
  async #createIfAllowed(request: WatchCreateRequest, range: KeyRange): Promise<void> {
    const { authority } = this.#options;
    try {
      await authority.refresh();
      await authority.admit(this.#call, (asked) => checkRange(asked, range, "read"));
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      this.#refuse(`rpc error: code = ${goCodeName(error)} desc = ${error.message}`);
      return;
    }
    if (!this.#hasFailed) this.#make(request, range);
  }

  #make(request: WatchCreateRequest, range: KeyRange): void {
    const { watchId, startRevision } = request;
    if (isEmpty(range)) {
      this.#refuse("mvcc: watcher range is empty");
      return;
    }
    const options: WatcherOptions = {
      start: keyName(range.start),
      end: range.end === null ? null : keyName(range.end),
      single: range.single,
      // A start beyond the safe integers is as far off as the last of them.
      startRevision: Math.min(Number(startRevision), Number.MAX_SAFE_INTEGER),
      noPut: request.filters.includes(Filter.NOPUT),
      noDelete: request.filters.includes(Filter.NODELETE),
      prevKv: request.prevKv,
      fragment: request.fragment,
      progressNotify: request.progressNotify,
    };
    if (!this.#stream.create(watchId, options)) {
      this.#refuse("mvcc: duplicate watch ID provided on the WatchStream");
    }
  }

  #refuse(cancelReason: string): void {
    this.#send(this.#options.hub.revision, {
      watchId: NO_WATCH_ID,
      created: true,
      canceled: true,
      cancelReason,
    });
  }

  #cancel(watchId: bigint): void {
    if (!this.#stream.cancel(watchId)) return;
    this.#send(this.#options.hub.revision, { watchId, canceled: true });
  }

  get isFull(): boolean {
    return this.#call.bufferedBytes >= this.#options.hub.streamBytesMax;
  }

  holds({ bytes }: EventBlock): boolean {
    return this.#call.holds(bytes);
  }

  drained(): Promise<void> {
    return this.#call.drained();
  }

  created(watchId: bigint, revision: number): void {
    this.#send(revision, { watchId, created: true });
  }

  progress(watchId: bigint, revision: number): void {
    this.#send(revision, { watchId });
  }

  overtaken(watchId: bigint, compactRevision: number): void {
    // etcd gives no revision here.
    this.#send(0, { watchId, canceled: true, compactRevision: BigInt(compactRevision) });
  }

  events(watcher: Watcher, block: EventBlock, revision: number): void {
    const responses = eventResponses(block, {
      header: this.#options.header,
      watchId: watcher.id,
      revision,
      fragmentBytes: watcher.options.fragment ? this.#fragmentBytes : undefined,
    });
    for (const response of responses) this.#call.send(response);
  }

  /** Clients take this status as one after which they resume. */
  fail(): void {
    this.#hasFailed = true;
    this.#failure.reject(new StatusError(GRPC.INTERNAL, "internal error"));
  }

  #send(revision: number, response: ControlResponse): void {
    const header = this.#options.header.message(revision);
    this.#call.send(encode(WatchResponseSchema, { ...response, header }));
  }

  [Symbol.dispose](): void {
    this.#stream[Symbol.dispose]();
  }
}
