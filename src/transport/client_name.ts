/**
 * Whom a connection's verified certificate names. It is kept at the socket itself, because node:http2 hands out a stand-in
 * for the socket that passes on what is asked of it.
 */

const CLIENT_NAME = Symbol("common name of the client's verified certificate");

interface Named {
  [CLIENT_NAME]?: string;
}

/** Remembers the common name for as long as the socket lives. */
export function rememberClientName(socket: object, name: string): void {
  (socket as Named)[CLIENT_NAME] = name;
}

/** The name of a socket, or of the stand-in of a session's. */
export function clientNameOf(socket: object | undefined): string | undefined {
  return (socket as Named | undefined)?.[CLIENT_NAME];
}
