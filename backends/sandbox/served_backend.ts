/** In the Worker: one module and its open store, called by messages. */

import {
  type Backend,
  type BackendModule,
  type HistoryQuery,
  type KeySpan,
  type Member,
  type OpenOptions,
  type RangeQuery,
  type TrimQuery,
  type Turn,
} from "../contract.ts";
import {
  NOTHING,
  packHistory,
  packKvs,
  packLoaded,
  packPage,
  packPresence,
  packRecords,
  type Parcel,
  unpackBatch,
  unpackLoadQuery,
} from "./codec.ts";
import type { Failure, FromWorker, Method, Opened, SentOptions, ToWorker } from "./protocol.ts";

type Send = (message: FromWorker, buffers?: readonly ArrayBuffer[]) => void;

/** Statements told of with one answer; what there is more is left out of the metrics. */
const STATEMENTS_MAX = 1_000;

/** Arguments come from the server, whose types hold. */
interface StoreArgument {
  readonly endpoint: string;
  readonly options: SentOptions;
}

export class ServedBackend {
  readonly #module: BackendModule;
  readonly #send: Send;
  readonly #turns = new Map<number, Turn>();
  readonly #watches = new Map<number, AbortController>();
  #backend: Backend | null = null;
  #statements: (string | number)[] = [];

  constructor(module: BackendModule, send: Send) {
    this.#module = module;
    this.#send = send;
  }

  async handle(message: ToWorker): Promise<void> {
    if (message.type === "abort") return this.#watches.get(message.id)?.abort();
    if (message.type !== "call") return;
    const { id, method, argument } = message;
    try {
      const { value, buffers } = await this.#call(id, method, argument);
      this.#answer({ type: "answer", id, value }, buffers);
    } catch (error) {
      this.#answer({ type: "answer", id, failure: failureOf(error) });
    }
  }

  #answer(
    message: FromWorker & { readonly type: "answer" },
    buffers: readonly ArrayBuffer[] = [],
  ): void {
    if (this.#statements.length === 0) return this.#send(message, buffers);
    this.#send({ ...message, statements: this.#statements }, buffers);
    this.#statements = [];
  }

  #call(id: number, method: Method, argument: unknown): Promise<Parcel> | Parcel {
    switch (method) {
      case "open":
        return this.#open(argument as StoreArgument);
      case "remove":
        return this.#remove(argument as StoreArgument);
      case "turn":
        return this.#takeTurn(argument as number);
      case "turnAppend":
      case "turnRelease":
        return this.#useTurn(argument as { readonly turn: number; readonly batch?: unknown });
      case "changes":
        return this.#watch(id);
      default:
        return this.#ask(method, argument);
    }
  }

  async #open({ endpoint, options }: StoreArgument): Promise<Parcel> {
    const backend = await this.#module.open(endpoint, this.#optionsOf(options));
    if (typeof backend?.capabilities !== "object") {
      throw new TypeError("open resolved to something that is no backend: it has no capabilities");
    }
    this.#backend = backend;
    const { exclusive, keySizeMax, batchRowsMax, isEphemeral = false } = backend.capabilities;
    const opened: Opened = {
      capabilities: { exclusive, keySizeMax, batchRowsMax, isEphemeral },
      clusterId: backend.clusterId,
      folder: backend.folder ?? null,
      hasTurn: typeof backend.turn === "function",
    };
    return { value: opened, buffers: [] };
  }

  async #remove({ endpoint, options }: StoreArgument): Promise<Parcel> {
    await this.#module.remove?.(endpoint, this.#optionsOf(options));
    return NOTHING;
  }

  #optionsOf({ wantsStatements, ...options }: SentOptions): OpenOptions {
    const offsetMs = Date.now() - performance.now();
    const onStatement = (name: string, ms: number) => {
      if (this.#statements.length < 2 * STATEMENTS_MAX) this.#statements.push(name, ms);
    };
    return {
      ...options,
      // As the server's: a clock that is set meanwhile must not expire leases.
      now: () => Math.floor(offsetMs + performance.now()),
      randomId,
      // A module in JavaScript may well log an error itself.
      log: (level, message, fields = {}) =>
        this.#send({
          type: "log",
          level: String(level),
          message: String(message),
          fields: plainFields(fields),
        }),
      onStatement: wantsStatements ? onStatement : undefined,
    };
  }

  async #takeTurn(id: number): Promise<Parcel> {
    const backend = this.#openBackend();
    const turn = await backend.turn?.();
    if (turn !== undefined) this.#turns.set(id, turn);
    return NOTHING;
  }

  async #useTurn(
    { turn: id, batch }: { readonly turn: number; readonly batch?: unknown },
  ): Promise<Parcel> {
    const turn = this.#turns.get(id);
    this.#turns.delete(id);
    if (batch !== undefined) await turn?.append(unpackBatch(batch));
    else await turn?.release();
    return NOTHING;
  }

  /** One message for all wakes that come until the server could see it, so that none can drown it. */
  async #watch(id: number): Promise<Parcel> {
    const backend = this.#openBackend();
    const controller = new AbortController();
    this.#watches.set(id, controller);
    let isTold = false;
    try {
      for await (const _ of backend.changes(controller.signal)) {
        if (isTold) continue;
        isTold = true;
        setTimeout(() => {
          isTold = false;
          this.#send({ type: "wake", id });
        }, 1);
      }
    } finally {
      this.#watches.delete(id);
    }
    return NOTHING;
  }

  /** The calls that are the contract's own. */
  async #ask(method: Method, argument: unknown): Promise<Parcel> {
    const backend = this.#openBackend();
    switch (method) {
      case "head":
        return plain(await backend.head());
      case "load":
        return packed(packLoaded, await backend.load(unpackLoadQuery(argument)));
      case "range":
        return packed(packPage, await backend.range(argument as RangeQuery));
      case "count":
        return plain(await backend.count(argument as KeySpan & { readonly revision: number }));
      case "history":
        return packed(packHistory, await backend.history(argument as HistoryQuery));
      case "leaseKeys":
        return packed(packKvs, await backend.leaseKeys(argument as bigint));
      case "leases":
        return plain(await backend.leases(argument as number));
      case "records":
        return packed(packRecords, await backend.records(argument as string));
      case "append":
        return nothing(await backend.append(unpackBatch(argument)));
      case "outcome":
        return plain(await backend.outcome(argument as Parameters<Backend["outcome"]>[0]));
      case "trim":
        return plain(await backend.trim(argument as TrimQuery));
      case "size":
        return plain(await backend.size());
      case "defragment":
        return nothing(await backend.defragment());
      case "announce": {
        const { member, aliveMs } = argument as { member: Member; aliveMs: number };
        return packed(packPresence, await backend.announce(member, aliveMs));
      }
      case "leave":
        return nothing(await backend.leave(argument as bigint));
      case "close":
        return nothing(await backend.close());
      default:
        throw new Error(`unknown call "${method}"`);
    }
  }

  #openBackend(): Backend {
    if (this.#backend === null) throw new Error("no store is open");
    return this.#backend;
  }
}

/** What a module answers may be of any form. */
function packed<T>(pack: (answer: T) => Parcel, answer: T): Parcel {
  try {
    return pack(answer);
  } catch {
    throw new Nonsense("it answered nonsense");
  }
}

class Nonsense extends Error {}

function plain(value: unknown): Parcel {
  return { value, buffers: [] };
}

function nothing(_: void): Parcel {
  return NOTHING;
}

/** By its form, not by its class: a module may have bundled a class of its own. */
function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { kind: null, message: `it threw ${String(error)}` };
  const { name, message, kind } = error as Error & { readonly kind?: unknown };
  const isKnown = name === "BackendError" && typeof kind === "string";
  if (isKnown) return { kind, message: String(message) };
  if (error instanceof Nonsense) return { kind: null, message };
  return { kind: null, message: `it threw ${name}: ${message}` };
}

/** Any id but 0, which stands for none. */
function randomId(): bigint {
  const [id = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  return id === 0n ? 1n : id;
}

/** What can leave the thread. */
function plainFields(fields: Record<string, unknown>): Record<string, unknown> {
  const values = Object.entries(fields).map(([name, value]) => {
    const isPlain = ["string", "number", "boolean", "bigint"].includes(typeof value);
    if (value instanceof Error) return [name, value.message];
    return [name, isPlain ? value : Array.isArray(value) ? value.map(String) : String(value)];
  });
  return Object.fromEntries(values);
}
