/** A TCP link to a database that falls silent when a word is said on it, as a server does that hangs. */

import { connect, createServer, type Socket } from "node:net";

export interface SilentLink extends AsyncDisposable {
  readonly port: number;
}

/** From the word on nothing goes through any more, and every connection stays open. */
export async function openSilentLink(
  port: number,
  { word }: { readonly word: string },
): Promise<SilentLink> {
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server = createServer((inward) => {
    const outward = connect(port, "127.0.0.1");
    inward.on("data", (chunk) => {
      isSilent ||= chunk.includes(word);
      if (!isSilent) outward.write(chunk);
    });
    outward.on("data", (chunk) => void (!isSilent && inward.write(chunk)));
    for (const [one, other] of [[inward, outward], [outward, inward]] as const) {
      sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const own = server.address();
  if (own === null || typeof own === "string") throw new Error("Cannot open a link: no port");
  return {
    port: own.port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
