/**
 * Learns that another server moved the head: by Redis's messages, on a connection of its own, and, because messages can be
 * lost and connections break, by asking for the head now and then.
 */

import type { Connection } from "./link.ts";

/** While messages come: what one of them that was lost costs at most. */
const SLOW_POLL_MS = 1_000;
/** While there are none: what another server wrote shows within this. */
const FAST_POLL_MS = 50;
/** From one attempt to listen to the next. */
const RETRY_MS = 1_000;
/** How often a connection that only listens is asked whether it lives, and how long it may take to answer. */
const PING_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;

export interface ChangesOptions {
  /** Opens a connection that hears messages; `null` if there shall be none. */
  readonly connect: (() => Promise<Connection>) | null;
  readonly channel: string;
  /** What this server sends with its own changes. */
  readonly instance: string;
  /** The batch id of the head; `null` if it is one that this server has appended. */
  readonly readBatchId: () => Promise<string | null>;
}

/** Wakes on each change of another server, and whenever it cannot be sure that there was none. */
export async function* watchChanges(
  options: ChangesOptions,
  signal: AbortSignal,
): AsyncGenerator<void> {
  let isAwake = true;
  let notify = () => {};
  const listening = { isHeard: false };
  const wake = () => {
    isAwake = true;
    notify();
  };
  signal.addEventListener("abort", () => notify(), { once: true });
  const parts = [
    keepListening(options, { signal, wake, listening }),
    keepPolling(options, { signal, wake, listening }),
  ];
  try {
    while (!signal.aborted) {
      if (!isAwake) await new Promise<void>((resolve) => notify = resolve);
      if (signal.aborted) break;
      isAwake = false;
      yield;
    }
  } finally {
    await Promise.all(parts);
  }
}

interface Part {
  readonly signal: AbortSignal;
  readonly wake: () => void;
  readonly listening: { isHeard: boolean };
}

async function keepPolling(
  { readBatchId }: ChangesOptions,
  { signal, wake, listening }: Part,
): Promise<void> {
  let known: string | null = null;
  while (!signal.aborted) {
    try {
      const found = await readBatchId();
      if (found !== null && found !== known) wake();
      known = found ?? known;
    } catch {
      // The store may be another one when it answers again.
      known = null;
    }
    await pause(listening.isHeard ? SLOW_POLL_MS : FAST_POLL_MS, signal);
  }
}

async function keepListening(options: ChangesOptions, part: Part): Promise<void> {
  const { signal, wake, listening } = part;
  if (options.connect === null) return;
  while (!signal.aborted) {
    try {
      const connection = await options.connect();
      try {
        await connection.subscribe(options.channel, (message) => {
          if (message !== options.instance) wake();
        });
        listening.isHeard = true;
        wake();
        await watchOver(connection, signal);
      } finally {
        listening.isHeard = false;
        connection.destroy();
        // Whatever was told meanwhile is lost.
        wake();
      }
    } catch {
      // Until it can be reached again the head is polled for.
    }
    await pause(RETRY_MS, signal);
  }
}

/** Returns when the connection is gone, or the signal is aborted. */
async function watchOver(connection: Connection, signal: AbortSignal): Promise<void> {
  const gone = new AbortController();
  connection.onEnd(() => gone.abort());
  const end = AbortSignal.any([signal, gone.signal]);
  while (!end.aborted && connection.isReady) {
    await pause(PING_MS, end);
    if (end.aborted) return;
    const late = setTimeout(() => connection.destroy(), PING_TIMEOUT_MS);
    try {
      await connection.ping();
    } finally {
      clearTimeout(late);
    }
  }
}

/** Ends earlier if the signal is aborted. */
function pause(pauseMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, pauseMs);
    signal.addEventListener("abort", end, { once: true });
  });
}
