/**
 * Deno 2.9.6 crashes when an HTTP/2 session without open streams receives a GOAWAY: it closes or
 * destroys the session, and frees it, inside the callback in which the frame is still being handled.
 * A server that stops in good order sends that frame to its clients. Here every session that a client
 * opens puts its end off until the frame is done with.
 */

import http2 from "node:http2";

const connect = http2.connect;

// grpc-js looks `connect` up on this very object for each connection.
http2.connect = function connectGuarded(...args: Parameters<typeof connect>) {
  const session = connect(...args);
  const close = session.close.bind(session);
  session.close = (onClosed?: () => void) => {
    setImmediate(() => {
      if (!session.destroyed) close(onClosed);
    });
  };
  const destroy = session.destroy.bind(session);
  session.destroy = (error?: Error, code?: number) => {
    setImmediate(() => {
      if (!session.destroyed) destroy(error, code);
    });
  };
  return session;
} as typeof connect; // Its overloads, all served by the one above.
