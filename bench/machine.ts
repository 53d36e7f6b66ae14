/** What a reader must know of the machine that a run was made on. */

import { cpus } from "node:os";

/** One line: cores, memory, system, and how busy it was. */
export function machineText(): string {
  const processors = cpus();
  const model = processors[0]?.model ?? "unknown processor";
  const memoryGib = Deno.systemMemoryInfo().total / 2 ** 30;
  const load = Deno.loadavg().map((average) => average.toFixed(1)).join(", ");
  return `${processors.length} cores (${model}), ${memoryGib.toFixed(0)} GiB of memory, ` +
    `${Deno.build.os} ${Deno.osRelease()}, Deno ${Deno.version.deno}; ` +
    `load before the run ${load}`;
}
