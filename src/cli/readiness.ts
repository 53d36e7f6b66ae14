/** Tells systemd how the server is doing: units of `Type=notify` wait for it. */

import { dirname } from "node:path";
import type { Log } from "../log.ts";

/** `READY=1` when requests are taken, `STOPPING=1` when they no longer are. */
export type Readiness = "READY=1" | "STOPPING=1";

export interface NotifyOptions {
  /** `NOTIFY_SOCKET` of the environment; undefined where nobody waits. */
  readonly socket: string | undefined;
  /** Path of a socket to send from, in a folder that is nobody else's. Both are made for it. */
  readonly own: string;
  readonly log: Log;
}

/** Never fails: a supervisor that cannot be told is a warning. */
export async function notifySupervisor(state: Readiness, options: NotifyOptions): Promise<void> {
  const { socket, own, log } = options;
  if (socket === undefined || socket === "") return;
  try {
    await send(state, { socket, own });
  } catch (error) {
    log("warn", "Cannot tell systemd about the state", { state, error });
  }
}

async function send(
  state: Readiness,
  { socket, own }: { readonly socket: string; readonly own: string },
): Promise<void> {
  Deno.mkdirSync(dirname(own), { recursive: true, mode: 0o700 });
  // Left by a process that was killed just then.
  removeIfThere(own);
  // Deno only sends from a socket with a name.
  const sender = Deno.listenDatagram({ transport: "unixpacket", path: own });
  try {
    // systemd writes the zero byte of a socket without a file as "@".
    const path = socket.replace(/^@/, "\0");
    await sender.send(new TextEncoder().encode(`${state}\n`), { transport: "unixpacket", path });
  } finally {
    sender.close();
    Deno.removeSync(own);
    removeIfThere(dirname(own));
  }
}

/** A file, or a folder that is empty. */
function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is not there, or holds something else, which stays.
  }
}
