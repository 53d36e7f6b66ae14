/** Whom a connection's verified certificate names: kept beside the socket, which the gRPC library hands on. */

const NAMES = new WeakMap<object, string>();

/** Remembers the common name for as long as the socket lives. */
export function rememberClientName(socket: object, name: string): void {
  NAMES.set(socket, name);
}

export function clientNameOf(socket: object | undefined): string | undefined {
  return socket === undefined ? undefined : NAMES.get(socket);
}
