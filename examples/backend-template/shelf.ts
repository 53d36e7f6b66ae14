/**
 * The client of the store. REPLACE THIS FILE, and the four functions of `Shelf` with it, by what your store has: a read of
 * one snapshot, a commit on a condition, and what else it can tell. Everything above it needs no more than that.
 */

import { BackendError } from "@rhino/rhino/contract";
import type { CommitRequest, ReadResponse, Scan } from "./shelf_protocol.ts";

/** Each call settles within this, also while the store cannot be reached. */
const CALL_MS_MAX = 10_000;

export interface Shelf {
  /**
   * Reads several intervals of one snapshot: the newest, or the one of an earlier answer.
   *
   * @throws {BackendError} `unavailable`
   */
  read(scans: readonly Scan[], version?: number): Promise<ReadResponse>;

  /**
   * Writes all or nothing, if all that is checked is there. It is on disk when this resolves.
   *
   * @throws {BackendError} `conflict` if a check failed; `unavailable` if it was surely not done; `indeterminate` if its
   * answer was lost
   */
  commit(request: CommitRequest): Promise<void>;

  /** Bytes of keys and values from this key on. */
  size(start: string): Promise<number>;

  /** Gives unused space back. */
  compact(): Promise<void>;

  /** Removes the whole store. */
  remove(): Promise<void>;

  /** Ends all calls, as `unavailable` or `indeterminate`. */
  close(): void;
}

/**
 * Takes `shelf://HOST:PORT/NAME`; connects to nothing yet.
 *
 * @throws {BackendError} `unusable`
 */
export function connectShelf(endpoint: string): Shelf {
  const match = /^shelf:\/\/([^/?#@]+)\/([\w.-]+)$/.exec(endpoint);
  if (match === null) {
    throw new BackendError("unusable", "Cannot open the shelf: expected shelf://HOST:PORT/NAME");
  }
  const [, address = "", name = ""] = match;
  const closing = new AbortController();

  async function call(method: string, request: unknown): Promise<Response> {
    return await fetch(`http://${address}/${name}/${method}`, {
      method: "POST",
      body: JSON.stringify(request),
      signal: AbortSignal.any([closing.signal, AbortSignal.timeout(CALL_MS_MAX)]),
    });
  }

  /** A call that changes nothing, or may be done twice. */
  async function ask(method: string, request: unknown) {
    try {
      const response = await call(method, request);
      if (!response.ok) throw new Error(await response.text());
      return await response.json();
    } catch (error) {
      throw new BackendError("unavailable", `shelf ${method}: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }

  return {
    read: (scans, version) => ask("read", { version: version ?? null, scans }),

    async commit(request) {
      if (closing.signal.aborted) throw new BackendError("unavailable", "the store is closed");
      let response: Response;
      try {
        response = await call("commit", request);
        await response.body?.cancel();
      } catch (error) {
        // What was sent may have arrived, or may yet: only a call that never left was surely not done.
        const kind = wasNeverSent(error) ? "unavailable" : "indeterminate";
        throw new BackendError(kind, `shelf commit: ${reasonOf(error)}`, { cause: error });
      }
      if (response.status === 409) throw new BackendError("conflict", "the shelf was changed");
      if (!response.ok) {
        throw new BackendError("indeterminate", `shelf commit: answered ${response.status}`);
      }
    },

    size: async (start) => (await ask("size", { start, end: null })).bytes,
    compact: async () => void await ask("compact", {}),
    remove: async () => void await ask("remove", {}),
    close: () => closing.abort(new Error("the store is closed")),
  };
}

/** Deno's words for a connection that could not be made. */
function wasNeverSent(error: unknown): boolean {
  return error instanceof TypeError && reasonOf(error.cause).includes("client error (Connect)");
}

/** In one line; what `fetch` has to say stands in the cause. */
function reasonOf(error: unknown): string {
  if (error instanceof TypeError && error.cause !== undefined) return reasonOf(error.cause);
  return error instanceof Error ? error.message : String(error);
}
