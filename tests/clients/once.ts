// Waiting for an event of a client library, with a bound.

import { withDeadline } from "./deadline.ts";

const EVENT_MS_MAX = 30_000;

interface Emitter {
  once(event: string, listener: (...values: unknown[]) => void): unknown;
}

/** The values that come with the next event of this name. */
export function once<Values extends readonly unknown[]>(
  emitter: object,
  event: string,
): Promise<Values> {
  // Libraries declare `once` only for the events that they document; all are node's emitters.
  const node = emitter as Emitter;
  const next = new Promise<Values>((resolve) => {
    // What an event carries is the library's promise, stated by the caller.
    node.once(event, (...values) => resolve(values as unknown as Values));
  });
  return withDeadline(next, EVENT_MS_MAX, { what: `the event ${event}` });
}
