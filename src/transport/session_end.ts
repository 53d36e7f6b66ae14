/** When an HTTP/2 session may be ended. */

import type { Http2Session } from "node:http2";

/**
 * Deno 2.9.6 frees an HTTP/2 session that is closed or destroyed while it handles a frame, as node's code does on the other
 * side's goodbye (GOAWAY) when no call is open, or when it says that something was wrong; and then it goes on with the
 * freed memory: the process dies, if not at once. With this, both wait for the next turn of the loop instead.
 */
export function endInNextTurn(session: Http2Session): void {
  const close = session.close.bind(session);
  session.close = (onClosed) => {
    setImmediate(() => {
      if (!session.destroyed) close(onClosed);
    });
  };
  const destroy = session.destroy.bind(session);
  session.destroy = (error, code) => {
    setImmediate(() => {
      if (!session.destroyed) destroy(error, code);
    });
  };
}
