/** Ends a process that has children which would go on for a while without it. */

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

/** Without /proc there are none to be found: PostgreSQL's then notice by themselves. */
export function childrenOf(parent: number): number[] {
  if (Deno.build.os !== "linux") return [];
  const pids = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter(
    Number.isInteger,
  );
  return pids.filter((pid) => statOf(pid)?.parent === parent);
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

function statOf(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name comes before, in brackets, and may itself have spaces and brackets.
    const [state = "", parent = ""] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined; // It has ended in the meantime.
  }
}
