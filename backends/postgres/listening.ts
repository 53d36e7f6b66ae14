/**
 * Learns that another server moved the head: by PostgreSQL's notifications, on a connection of its own, and by asking
 * again and again where there are none (behind a pooler, with too few connections, while that connection is broken).
 */

import { BackendError, type OpenOptions } from "../contract.ts";
import { messageOf } from "../message_of.ts";
import type { AdaptivePoll } from "../sql/adaptive_poll.ts";
import { pause } from "../sql/adaptive_poll.ts";
import { createWakes } from "../wakes.ts";
import type { Session } from "./session.ts";
import { NAME_BYTES_MAX } from "./settings.ts";

/** How often a connection that only listens is asked whether it lives, and how long it may take to answer. */
const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;
/** From one attempt to listen to the next; meanwhile it polls. */
const RETRY_MS = 2_000;

/** A channel's name, in front of the schema's. */
const CHANNEL_PREFIX = "rhino_";

export interface ListeningOptions {
  /** Opens a connection that hears notifications; `null` if there cannot be one. */
  readonly connect: (() => Promise<Session>) | null;
  readonly channel: string;
  /** What this server sends with its own notifications. */
  readonly instance: string;
  readonly poll: AdaptivePoll;
  readonly log: OpenOptions["log"];
}

/** Wakes on each change of another server, and whenever it cannot be sure that there was none. */
export async function* listenForChanges(
  options: ListeningOptions,
  signal: AbortSignal,
): AsyncGenerator<void> {
  const wakes = createWakes(signal);
  const listening = keepListening(options, { signal, wake: wakes.wake });
  try {
    yield* wakes.iterate();
  } finally {
    await listening;
  }
}

interface Listener {
  readonly signal: AbortSignal;
  readonly wake: () => void;
}

async function keepListening(options: ListeningOptions, { signal, wake }: Listener): Promise<void> {
  if (options.connect === null) return await pollUntil(options, { signal, wake });
  let hasFailed = false;
  while (!signal.aborted) {
    const stopPolling = new AbortController();
    const polling = pollUntil(options, {
      signal: AbortSignal.any([signal, stopPolling.signal]),
      wake,
    });
    const session = await startListening(options, wake).catch((error: unknown) => {
      const isLasting = error instanceof BackendError && error.kind === "unusable";
      const reason = messageOf(error);
      if (!hasFailed) {
        options.log(isLasting ? "info" : "warn", "changes of other servers are polled for", {
          reason,
        });
      }
      hasFailed = true;
      return isLasting ? "never" : null;
    });
    if (session === "never") return await polling;
    if (session !== null) {
      options.log("info", "changes of other servers are notified by PostgreSQL");
      hasFailed = false;
      stopPolling.abort();
      await polling;
      await watchOver(session, signal);
      // Whatever was told meanwhile is lost.
      wake();
    } else {
      await pause(RETRY_MS, signal);
      stopPolling.abort();
      await polling;
    }
  }
}

async function startListening(
  { connect, channel, instance }: ListeningOptions,
  wake: () => void,
): Promise<Session> {
  if (connect === null) throw new BackendError("unusable", "there is no connection for it");
  const session = await connect();
  try {
    await session.listen(channel, (payload) => {
      if (payload !== instance) wake();
    });
  } catch (error) {
    session.destroy();
    throw error;
  }
  wake();
  return session;
}

/** Returns when the connection is gone, or the signal is aborted. */
async function watchOver(session: Session, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !session.isBroken) {
    const end = new AbortController();
    void session.ended.then(() => end.abort());
    await pause(PING_INTERVAL_MS, AbortSignal.any([signal, end.signal]));
    if (signal.aborted || session.isBroken) break;
    const late = setTimeout(() => session.destroy(), PING_TIMEOUT_MS);
    await session.rows("ping", [], 1).catch(() => session.distrust());
    clearTimeout(late);
  }
  session.destroy();
  await session.ended;
}

async function pollUntil({ poll }: ListeningOptions, { signal, wake }: Listener): Promise<void> {
  for await (const _ of poll.changes(signal)) wake();
}

/** Notifications are for a whole database, so each schema has a channel of its own. */
export async function channelOf(schema: string): Promise<string> {
  const bytes = new TextEncoder().encode(schema);
  if (bytes.length + CHANNEL_PREFIX.length <= NAME_BYTES_MAX) return `${CHANNEL_PREFIX}${schema}`;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `${CHANNEL_PREFIX}${digest.toHex().slice(0, NAME_BYTES_MAX - CHANNEL_PREFIX.length)}`;
}
