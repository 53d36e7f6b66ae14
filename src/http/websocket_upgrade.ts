import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Router } from "./router.ts";
export function upgradeToWebSocket(
  _request: IncomingMessage,
  { socket }: { readonly socket: Duplex; readonly head: Uint8Array; readonly route: Router },
): void {
  socket.destroy();
}
