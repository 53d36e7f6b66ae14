/** HTTP/1.1 on the port of the API: until there is a gateway, every request is answered with gRPC's "not found", as JSON. */

import { createServer } from "node:http";
import type { Socket } from "node:net";

const BODY = JSON.stringify({ code: 5, message: "Not Found" });

/** Serves one HTTP/1.1 connection; the socket ends with the connection. */
export function createNotFoundServer(): { accept(socket: Socket): void; close(): void } {
  const server = createServer((_request, response) => {
    response.writeHead(404, { "content-type": "application/json" });
    response.end(BODY);
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return {
    accept(socket) {
      server.emit("connection", socket);
      // The socket was paused to give its first bytes back.
      socket.resume();
    },
    close() {
      server.close();
    },
  };
}
