/**
 * Keeps clients from pinging too often, as gRPC servers in Go do: a ping that comes too soon after the one before is a
 * strike, and strikes are forgotten when the server has sent something in between; after too many the client is told
 * `too_many_pings` and the connection is closed. A connection without calls needs next to no pings.
 */

import { Buffer } from "node:buffer";
import { constants, type ServerHttp2Session } from "node:http2";

/** Strikes that are forgiven. */
const STRIKES_MAX = 2;

/** Least interval between pings while no call is open; etcd allows no keepalive without one. */
const IDLE_INTERVAL_MS = 2 * 60 * 60 * 1_000;

/** Least interval between pings if none is set. */
const DEFAULT_INTERVAL_MS = 5 * 60 * 1_000;

/** What answering one ping adds to the bytes written: a frame header and the eight bytes of the ping. */
const PING_ANSWER_BYTES = 17;

const TOO_MANY_PINGS = Buffer.from("too_many_pings");

/**
 * Enforces the least interval between a client's pings on one connection.
 *
 * @param minIntervalMs while calls are open; 0 takes the default, as in gRPC for Go
 */
export function enforcePingPolicy(session: ServerHttp2Session, minIntervalMs: number): void {
  let lastPingMs = -Infinity;
  let strikes = 0;
  let writtenAtLastPing = 0;
  let openCalls = 0;
  const onClose = () => void openCalls--;
  session.on("stream", (stream) => {
    openCalls++;
    stream.on("close", onClose);
  });
  session.on("ping", () => {
    if (session.closed || session.destroyed) return;
    const nowMs = performance.now();
    const written = session.socket.bytesWritten;
    const hasSent = written - writtenAtLastPing > PING_ANSWER_BYTES;
    const leastMs = openCalls === 0 ? IDLE_INTERVAL_MS : minIntervalMs || DEFAULT_INTERVAL_MS;
    if (hasSent) strikes = 0;
    else if (nowMs - lastPingMs < leastMs) strikes++;
    lastPingMs = nowMs;
    writtenAtLastPing = written;
    if (strikes <= STRIKES_MAX) return;
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, TOO_MANY_PINGS);
    // Once the frame has left.
    setImmediate(() => setImmediate(() => session.destroy()));
  });
}
