// A TCP link to a server that a test can cut without a word to either side.

import { connect, createServer, type Socket } from "node:net";

export interface BrokenLink extends AsyncDisposable {
  /** Where clients connect to instead of to the server. */
  readonly address: string;
  /** Resets every connection that goes through the link; later ones work again. */
  cut(): void;
}

/** Opens a link to a server at `127.0.0.1:PORT`. */
export async function openBrokenLink(address: string): Promise<BrokenLink> {
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const sockets = new Set<Socket>();
  const server = createServer((inward) => {
    const outward = connect(port, "127.0.0.1");
    for (const [from, to] of [[inward, outward], [outward, inward]] as const) {
      sockets.add(from);
      from.pipe(to);
      // A reset on one side is what the link is for; it must not end the test.
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const own = server.address();
  if (own === null || typeof own === "string") throw new Error("Cannot open a link: no port");
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    address: `127.0.0.1:${own.port}`,
    cut,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      cut();
      await closed;
    },
  };
}
