/** Connections that have not yet shown what they are: each has some time for it, and there are only so many. */

import type { Socket } from "node:net";

export interface PendingSocketsOptions {
  /** How long one may take; then it is closed. */
  readonly timeoutMs: number;
  /** How many there may be; at one more, the oldest is closed. */
  readonly max: number;
}

export class PendingSockets {
  readonly #sockets = new Map<Socket, () => void>();
  readonly #options: PendingSocketsOptions;

  constructor(options: PendingSocketsOptions) {
    this.#options = options;
  }

  /** Takes one up; it leaves when it is settled or closed. */
  add(socket: Socket): void {
    const timer = setTimeout(() => socket.destroy(), this.#options.timeoutMs);
    const onClose = () => this.settle(socket);
    this.#sockets.set(socket, () => {
      clearTimeout(timer);
      socket.off("close", onClose);
    });
    socket.on("close", onClose);
    if (this.#sockets.size > this.#options.max) this.#closeOldest();
  }

  /** It has shown what it is. */
  settle(socket: Socket): void {
    this.#sockets.get(socket)?.();
    this.#sockets.delete(socket);
  }

  #closeOldest(): void {
    for (const socket of this.#sockets.keys()) {
      // Its `close` event comes later, and until then it must not count.
      this.settle(socket);
      socket.destroy();
      return;
    }
  }

  closeAll(): void {
    for (const socket of [...this.#sockets.keys()]) socket.destroy();
  }
}
