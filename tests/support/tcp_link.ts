/** A TCP link to a server: a test can cut it without a word to either side, or have it fall silent. */

import { connect, createServer, type Socket } from "node:net";
import { Transform } from "node:stream";

export interface TcpLink extends AsyncDisposable {
  /** Where clients connect to instead of to the server. */
  readonly address: string;
  readonly port: number;
  /** Resets every connection that goes through the link; later ones work again. */
  cut(): void;
}

export interface TcpLinkOptions {
  /** Once a client has said this, nothing goes through any more and every connection stays open: as a server that hangs. */
  readonly silencedBy?: string;
}

/** Opens a link to a server at `127.0.0.1:PORT`. */
export async function openTcpLink(
  address: string,
  { silencedBy }: TcpLinkOptions = {},
): Promise<TcpLink> {
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const sockets = new Set<Socket>();
  let isSilent = false;
  /** Passes chunks on until the word was said. */
  function gate(word: string): Transform {
    return new Transform({
      transform(chunk, _encoding, done) {
        isSilent ||= chunk.includes(word);
        done(null, isSilent ? undefined : chunk);
      },
    });
  }
  const server = createServer((inward) => {
    const outward = connect(port, "127.0.0.1");
    for (const [from, to] of [[inward, outward], [outward, inward]] as const) {
      sockets.add(from);
      (silencedBy === undefined ? from : from.pipe(gate(silencedBy))).pipe(to);
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
    port: own.port,
    cut,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      cut();
      await closed;
    },
  };
}
