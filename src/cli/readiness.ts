/** Tells systemd how the server is doing: units of `Type=notify` wait for it. */

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { tmpdir } from "node:os";
import type { Log } from "../log.ts";

/** `READY=1` when requests are taken, `STOPPING=1` when they no longer are. */
export type Readiness = "READY=1" | "STOPPING=1";

export interface NotifyOptions {
  /** `NOTIFY_SOCKET` of the environment; undefined where nobody waits. */
  readonly socket: string | undefined;
  readonly log: Log;
}

/** Never fails: a supervisor that cannot be told is a warning. */
export async function notifySupervisor(
  state: Readiness,
  { socket, log }: NotifyOptions,
): Promise<void> {
  if (socket === undefined || socket === "") return;
  try {
    await send(state, socket);
  } catch (error) {
    log("warn", "Cannot tell systemd about the state", { state, error });
  }
}

async function send(state: Readiness, socket: string): Promise<void> {
  // Deno only sends from a socket with a name.
  const own = join(tmpdir(), `rhino-notify-${randomUUID()}.sock`);
  const sender = Deno.listenDatagram({ transport: "unixpacket", path: own });
  try {
    // systemd writes the zero byte of a socket without a file as "@".
    const path = socket.replace(/^@/, "\0");
    await sender.send(new TextEncoder().encode(`${state}\n`), { transport: "unixpacket", path });
  } finally {
    sender.close();
    Deno.removeSync(own);
  }
}
