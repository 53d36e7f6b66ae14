/**
 * Keeps clients from pinging too often, as gRPC servers do: a ping that comes too soon after the one before is a strike,
 * and strikes are forgotten when the server has sent something in between; after too many the client is told
 * `too_many_pings` and the connection is closed.
 */

import { Buffer } from "node:buffer";
import { constants, type ServerHttp2Session } from "node:http2";

/** Strikes that are forgiven. */
const STRIKES_MAX = 2;

/** What answering one ping adds to the bytes written: a frame header and the eight bytes of the ping. */
const PING_ANSWER_BYTES = 17;

const TOO_MANY_PINGS = Buffer.from("too_many_pings");

/** Enforces the least interval between a client's pings on one connection. */
export function enforcePingPolicy(session: ServerHttp2Session, minIntervalMs: number): void {
  let lastPingMs = -Infinity;
  let strikes = 0;
  let writtenAtLastPing = 0;
  session.on("ping", () => {
    if (session.closed || session.destroyed) return;
    const nowMs = performance.now();
    const written = session.socket.bytesWritten;
    const hasSent = written - writtenAtLastPing > PING_ANSWER_BYTES;
    if (hasSent) strikes = 0;
    else if (nowMs - lastPingMs < minIntervalMs) strikes++;
    lastPingMs = nowMs;
    writtenAtLastPing = written;
    if (strikes <= STRIKES_MAX) return;
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, TOO_MANY_PINGS);
    // Once the frame has left.
    setImmediate(() => setImmediate(() => session.destroy()));
  });
}
