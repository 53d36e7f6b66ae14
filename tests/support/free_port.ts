/** Ports of 127.0.0.1 for the servers of a test. */

import { createServer, type Server } from "node:net";

/** A port that is free now. Another process may take it first; whoever listens on it has to be ready for that. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("Cannot find a free port");
  return port;
}

/** Starts until it is given up; only a taken port is worth another one. */
const START_ATTEMPTS_MAX = 3;

/**
 * Starts a server on a free port, and on another one if somebody else has taken it meanwhile.
 *
 * @param output what the server has written, in which it says so
 */
export async function startOnFreePort(
  start: (port: number) => Promise<void>,
  output: () => string,
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      const portTaken = output().includes("Address already in use");
      if (!portTaken || attempt === START_ATTEMPTS_MAX) throw error;
    }
  }
}

/** Different ports that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  // All are held until the last is known: asked for one by one, the same could come twice.
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const ports = servers.map(portOf);
  await Promise.all(servers.map(close));
  return ports;
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address === "object" && address !== null) return address.port;
  throw new Error("Cannot find a free port: the listener has no address");
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => error === undefined ? resolve() : reject(error));
  });
}
