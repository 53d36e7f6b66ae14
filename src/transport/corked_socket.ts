/** Writes of one turn of the event loop leave together: an answer is three small writes, and a busy loop has many answers. */

import type { Socket } from "node:net";

/** Corks the socket at the first write of a turn, until that turn is over. */
export function corkWrites(socket: Socket): void {
  let isCorked = false;
  function uncork(): void {
    isCorked = false;
    socket.uncork();
  }
  // The method is generic over its overloads, so it is replaced by one that passes everything on.
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  function corkedWrite(...args: unknown[]): boolean {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      setImmediate(uncork);
    }
    return write(...args);
  }
  socket.write = corkedWrite as typeof socket.write;
}
