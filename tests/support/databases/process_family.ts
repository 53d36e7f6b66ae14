/** Ends a process together with those that would go on without it: its children, or all of its session. */

import type { DatabaseProcess } from "./database_process.ts";

const GONE_TIMEOUT_MS = 10_000;
const GONE_POLL_MS = 5;

/** Kills the process and its children and waits until all are gone. */
export async function endAtOnce(process: DatabaseProcess): Promise<void> {
  // Stopped, it starts no child between the look and the kill.
  process.signal("SIGSTOP");
  const children = childrenOf(process.pid);
  process.signal("SIGKILL");
  for (const pid of children) kill(pid);
  await process.end("SIGKILL");
  const giveUpAt = Date.now() + GONE_TIMEOUT_MS;
  while (children.some(isAlive)) {
    if (Date.now() > giveUpAt) throw new Error(`Processes outlive SIGKILL: ${children.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, GONE_POLL_MS));
  }
}

/** Kills all processes of the session, the one that leads it too. */
export function killSession(session: number): void {
  for (const pid of processes()) {
    if (statOf(pid)?.session === session) kill(pid);
  }
}

/** Without /proc there are none to be found: PostgreSQL's then notice by themselves. */
export function childrenOf(parent: number): number[] {
  return processes().filter((pid) => statOf(pid)?.parent === parent);
}

function processes(): number[] {
  if (Deno.build.os !== "linux") return [];
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter(Number.isInteger);
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** A zombie waits for its new parent to notice, and holds nothing. */
function isAlive(pid: number): boolean {
  const state = statOf(pid)?.state;
  return state !== undefined && state !== "Z";
}

interface Stat {
  readonly state: string;
  readonly parent: number;
  readonly session: number;
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name comes before, in brackets, and may itself have spaces and brackets.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state = "", parent = "", _group, session = ""] = fields;
    return { state, parent: Number(parent), session: Number(session) };
  } catch {
    return undefined; // It has ended in the meantime.
  }
}
