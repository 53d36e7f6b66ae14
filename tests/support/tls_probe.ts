/** A client that shakes hands and tells what came of it. */

import { Buffer } from "node:buffer";
import { connect as connectPlain, type Socket } from "node:net";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import type { KeyPair } from "./certificates.ts";

/** What HTTP/2 begins with: the preface and empty settings. */
export const PREFACE = Buffer.from(
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
  "latin1",
);

export interface ProbeOptions {
  readonly port: number;
  /** Path of the authority that the server is checked with. */
  readonly ca: string;
  readonly client?: KeyPair | undefined;
  readonly settings?: ConnectionOptions;
}

/** What a connection came to. */
export interface Probe {
  /** Whether the server has answered with HTTP/2; otherwise it has closed the connection. */
  readonly isServed: boolean;
  readonly protocol: string | null;
  readonly cipher: string | undefined;
  /** The serial number of the server's certificate. */
  readonly serial: string | undefined;
}

/** Opens a connection over TLS, which is to be destroyed; it may yet be refused. */
export function openTls({ port, ca, client, settings }: ProbeOptions): TLSSocket {
  const socket = connect({
    host: "127.0.0.1",
    port,
    ca: Deno.readTextFileSync(ca),
    ...(client === undefined ? {} : {
      cert: Deno.readTextFileSync(client.cert),
      key: Deno.readTextFileSync(client.key),
    }),
    ALPNProtocols: ["h2"],
    ...settings,
  });
  socket.on("error", () => {});
  return socket;
}

/** Speaks HTTP/2 on it until the server answers or closes. */
export function probeSocket(socket: TLSSocket): Promise<Probe> {
  let secured: Omit<Probe, "isServed"> = { protocol: null, cipher: undefined, serial: undefined };
  return new Promise((resolve) => {
    socket.on("secureConnect", () => {
      secured = {
        protocol: socket.getProtocol(),
        cipher: socket.getCipher()?.name,
        serial: socket.getPeerCertificate().serialNumber,
      };
      socket.write(PREFACE);
    });
    socket.once("data", () => resolve({ ...secured, isServed: true }));
    socket.on("close", () => resolve({ ...secured, isServed: false }));
  });
}

export async function probe(options: ProbeOptions): Promise<Probe> {
  const socket = openTls(options);
  try {
    return await probeSocket(socket);
  } finally {
    socket.destroy();
  }
}

/** Opens a plain connection. */
export function openPlain(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connectPlain(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", () => {});
  });
}

/** What comes until the connection is closed. */
export function untilClosed(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => socket.on("close", () => resolve(Buffer.concat(chunks))));
}
