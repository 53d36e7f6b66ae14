/** All sessions of a backend, so that closing it can wait until they are closed. */

import type { Connect, ConnectOptions } from "./connecting.ts";
import type { Session } from "./session.ts";

export interface Sessions {
  /** Makes one. */
  open(options: ConnectOptions): Promise<Session>;
  /** Takes one that was made before. */
  add(session: Session): void;
  /** Settles when all are closed; somebody else closes them. */
  closed(): Promise<void>;
}

export function createSessions(connect: Connect, onOpen: () => void): Sessions {
  const open = new Set<Session>();
  const pending = new Set<Promise<unknown>>();

  function add(session: Session): void {
    open.add(session);
    void session.closed.then(() => open.delete(session));
  }

  async function connectOne(options: ConnectOptions): Promise<Session> {
    const { session } = await connect(options);
    add(session);
    onOpen();
    return session;
  }

  return {
    async open(options) {
      const opening = connectOne(options);
      pending.add(opening);
      try {
        return await opening;
      } finally {
        pending.delete(opening);
      }
    },
    add,
    async closed() {
      await Promise.allSettled(pending);
      await Promise.all([...open].map((session) => session.closed));
    },
  };
}
