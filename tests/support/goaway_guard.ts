/**
 * A server that stops in good order says goodbye to its clients, at which Deno may crash: see `endInNextTurn`. Here every
 * session that a client opens puts its end off.
 */

import http2 from "node:http2";
import { endInNextTurn } from "../../src/transport/session_end.ts";

const connect = http2.connect;

// grpc-js looks `connect` up on this very object for each connection.
http2.connect = function connectGuarded(...args: Parameters<typeof connect>) {
  const session = connect(...args);
  endInNextTurn(session);
  return session;
} as typeof connect; // Its overloads, all served by the one above.
