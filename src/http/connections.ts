/** The connections of HTTP/1.1: which are busy with a request, for their end. */

import type { Socket } from "node:net";
import { CONNECTIONS_MAX, TCP_KEEPALIVE_MS } from "./bounds.ts";

/** Something that is answered on a connection. */
interface Answer {
  once(event: "close", listener: () => void): unknown;
}

export class Connections {
  /** Each with the number of its requests that are under way. */
  readonly #sockets = new Map<Socket, number>();
  #isDraining = false;
  #onEmpty: () => void = () => {};

  /** Returns false if it takes no more, and has closed it. */
  add(socket: Socket): boolean {
    if (this.#isDraining || this.#sockets.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return false;
    }
    this.#sockets.set(socket, 0);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onEmpty();
    });
    return true;
  }

  /** A request has come, which is over when its answer is closed. */
  begin(socket: Socket, answer: Answer): void {
    this.#count(socket, 1);
    answer.once("close", () => {
      this.#count(socket, -1);
      if (this.#isDraining && !this.isBusy(socket)) socket.destroySoon();
    });
  }

  #count(socket: Socket, change: number): void {
    const requests = this.#sockets.get(socket);
    if (requests !== undefined) this.#sockets.set(socket, requests + change);
  }

  isBusy(socket: Socket): boolean {
    return (this.#sockets.get(socket) ?? 0) > 0;
  }

  /** Takes no more, and closes those that are not busy, now or as soon as they are not. */
  drain(): void {
    this.#isDraining = true;
    for (const [socket, requests] of [...this.#sockets]) if (requests === 0) socket.destroy();
  }

  /** Resolves as soon as there is none. */
  empty(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty = resolve);
  }

  destroyAll(): void {
    for (const socket of [...this.#sockets.keys()]) socket.destroy();
  }
}
