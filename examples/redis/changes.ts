/**
 * Learns that another server moved the head: by Redis's messages, on a connection of its own, and, because messages can be
 * lost and connections break, by asking for the head as well: seldom while messages are heard, else often.
 */

import { type AdaptivePoll, createAdaptivePoll, createWakes, type Head, pause } from "./kit.ts";
import type { Connection } from "./link.ts";

/** In front of each question while messages are heard: what a lost one costs at most. */
const HEARD_PAUSE_MS = 1_000;
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
  readonly readHead: () => Promise<Head>;
  /** Ends what waits here. */
  readonly closed: AbortSignal;
}

export interface Changes {
  /** Told of each append of this server, so that it does not wake for it. */
  appended(batchId: string): void;
  /** Wakes on each change of another server, and whenever it cannot be sure that there was none. */
  watch(signal: AbortSignal): AsyncGenerator<void>;
}

export function createChanges(options: ChangesOptions): Changes {
  const { readHead, closed } = options;
  const listening = { isHeard: false };
  const poll = createAdaptivePoll(async () => {
    if (listening.isHeard) await pause(HEARD_PAUSE_MS, closed);
    return await readHead();
  });
  return {
    appended: (batchId) => poll.appended(batchId),
    watch: (signal) => watchChanges({ ...options, poll, listening }, signal),
  };
}

interface Parts extends ChangesOptions {
  readonly poll: AdaptivePoll;
  readonly listening: { isHeard: boolean };
}

async function* watchChanges(parts: Parts, signal: AbortSignal): AsyncGenerator<void> {
  const end = AbortSignal.any([signal, parts.closed]);
  const { wake, iterate } = createWakes(end);
  const working = [keepPolling(parts, { end, wake }), keepListening(parts, { end, wake })];
  try {
    yield* iterate();
  } finally {
    await Promise.all(working);
  }
}

interface Ear {
  readonly end: AbortSignal;
  readonly wake: () => void;
}

async function keepPolling({ poll }: Parts, { end, wake }: Ear): Promise<void> {
  for await (const _ of poll.changes(end)) wake();
}

async function keepListening(parts: Parts, { end, wake }: Ear): Promise<void> {
  const { connect, channel, instance, listening } = parts;
  if (connect === null) return;
  while (!end.aborted) {
    try {
      const connection = await connect();
      try {
        await connection.subscribe(channel, (message) => {
          if (message !== instance) wake();
        });
        listening.isHeard = true;
        wake();
        await watchOver(connection, end);
      } finally {
        listening.isHeard = false;
        connection.destroy();
        // Whatever was told meanwhile is lost.
        wake();
      }
    } catch {
      // Until it can be reached again the head is asked for.
    }
    await pause(RETRY_MS, end);
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
