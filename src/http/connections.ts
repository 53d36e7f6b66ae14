/** The connections of HTTP/1.1: each serves one request after the other, and ends when the server does. */

import type { Socket } from "node:net";
import { CONNECTIONS_MAX, REQUESTS_AHEAD_MAX, TCP_KEEPALIVE_MS } from "./bounds.ts";

/** Something that is answered on a connection. */
interface Answer {
  once(event: "close", listener: () => void): unknown;
}

interface State {
  isBusy: boolean;
  /** Requests that were sent ahead: the next may count on what the one before it did. */
  readonly waiting: (() => void)[];
}

export class Connections {
  readonly #sockets = new Map<Socket, State>();
  #isDraining = false;
  #onEmpty: () => void = () => {};

  /** Returns false if it takes no more, and has closed it. */
  add(socket: Socket): boolean {
    if (this.#isDraining || this.#sockets.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return false;
    }
    this.#sockets.set(socket, { isBusy: false, waiting: [] });
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onEmpty();
    });
    return true;
  }

  /** A request has come: serves it, now or after those before it, and is over with it when its answer is closed. */
  begin(socket: Socket, { answer, serve }: { answer: Answer; serve: () => void }): void {
    const state = this.#sockets.get(socket);
    if (state === undefined) return;
    answer.once("close", () => this.#next(socket, state));
    if (!state.isBusy) {
      state.isBusy = true;
      serve();
    } else if (state.waiting.length < REQUESTS_AHEAD_MAX) {
      state.waiting.push(serve);
    } else {
      socket.destroy();
    }
  }

  #next(socket: Socket, state: State): void {
    const serve = socket.destroyed ? undefined : state.waiting.shift();
    if (serve !== undefined) return serve();
    state.isBusy = false;
    if (this.#isDraining) socket.destroySoon();
  }

  isBusy(socket: Socket): boolean {
    return this.#sockets.get(socket)?.isBusy === true;
  }

  /** Takes no more, and closes those that are not busy, now or as soon as they are not. */
  drain(): void {
    this.#isDraining = true;
    for (const [socket, { isBusy }] of [...this.#sockets]) if (!isBusy) socket.destroy();
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
