/** Where the log's lines go. */

import type { LogRotation } from "./config.ts";
import { openLogFile, RotatingFile, writeAll } from "./log_rotation.ts";

/** Takes whole lines; what cannot be written is given up, for there is nobody left to tell. */
export type WriteLine = (line: string) => void;

export interface LogOutputsOptions {
  /** `default`, `stderr`, `stdout`, `systemd/journal`, or paths of files. */
  readonly outputs: readonly string[];
  /** Of the file among them; `null` for none. */
  readonly rotation: LogRotation | null;
}

/** @throws {Error} with one line if a file cannot be opened */
export function openLogOutputs({ outputs, rotation }: LogOutputsOptions): WriteLine {
  const writers = outputs.map((output) => openOutput(output, rotation));
  return (line) => {
    const bytes = new TextEncoder().encode(line);
    for (const write of writers) {
      try {
        write(bytes, line);
      } catch {
        // A reader that went away or a full disk must not end the server.
      }
    }
  };
}

type Writer = (bytes: Uint8Array, line: string) => void;

function openOutput(output: string, rotation: LogRotation | null): Writer {
  switch (output) {
    case "default":
    case "stderr":
      return (bytes) => writeAll(Deno.stderr, bytes);
    case "stdout":
      return (bytes) => writeAll(Deno.stdout, bytes);
    case "systemd/journal":
      return (_, line) => writeAll(Deno.stderr, new TextEncoder().encode(journalLine(line)));
  }
  try {
    if (rotation !== null) {
      const rotating = new RotatingFile({ path: output, rotation, now: Date.now });
      return (bytes) => rotating.write(bytes);
    }
    const file = openLogFile(output);
    return (bytes) => writeAll(file, bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot open the log file "${output}": ${reason}`, { cause: error });
  }
}

/** The journal's numbers of levels, which it takes from the beginning of a line. */
const PRIORITIES = [[/\berror\b/i, 3], [/\bwarn\b/i, 4], [/\bdebug\b/i, 7]] as const;
/** A line's level is before this; what follows may hold the words for other reasons. */
const LEVEL_WITHIN = 40;

function journalLine(line: string): string {
  const beginning = line.slice(0, LEVEL_WITHIN);
  const [, priority = 6] = PRIORITIES.find(([level]) => level.test(beginning)) ?? [];
  return `<${priority}>${line}`;
}
