/**
 * What is to be known of this process. Deno gives away processor time and memory; the rest is in Linux' `/proc`, which Deno
 * lets nobody read who has not been given every permission: then it is left out, rather than told as zero.
 */

import process from "node:process";

export interface ProcessFacts {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly startSeconds: number;
  readonly heapBytes: number;
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
  readonly system: SystemFacts | undefined;
}

/** From `/proc`. */
export interface SystemFacts {
  readonly openFds: number;
  readonly maxFds: number;
  readonly virtualBytes: number;
  readonly virtualBytesMax: number;
}

export function readProcess(): ProcessFacts {
  const { user, system } = process.cpuUsage();
  const { rss, heapTotal, heapUsed, external } = Deno.memoryUsage();
  return {
    cpuSeconds: (user + system) / 1_000_000,
    residentBytes: rss,
    startSeconds: performance.timeOrigin / 1_000,
    heapBytes: heapTotal,
    heapUsedBytes: heapUsed,
    externalBytes: external,
    system: readSystem(),
  };
}

/** Whether an attempt makes sense: what is denied stays so. */
let mayReadProc = true;

function readSystem(): SystemFacts | undefined {
  if (!mayReadProc) return undefined;
  try {
    const openFds = [...Deno.readDirSync("/proc/self/fd")].length;
    const limits = parseLimits(Deno.readTextFileSync("/proc/self/limits"));
    const status = Deno.readTextFileSync("/proc/self/status");
    const virtualBytes = Number(/^VmSize:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) * 1_024;
    return { openFds, ...limits, virtualBytes };
  } catch {
    mayReadProc = false;
    return undefined;
  }
}

/** "unlimited" is what etcd tells as 2^64. */
function parseLimits(text: string): Pick<SystemFacts, "maxFds" | "virtualBytesMax"> {
  const soft = (name: string) => {
    const value = new RegExp(`^${name}\\s+(\\S+)`, "m").exec(text)?.[1];
    return value === "unlimited" ? 2 ** 64 : Number(value ?? NaN);
  };
  return { maxFds: soft("Max open files"), virtualBytesMax: soft("Max address space") };
}
