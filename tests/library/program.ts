/** A program of somebody who uses Rhino as a library, in a process of its own. */

import { ROOT } from "../tidy/source_tree.ts";

export interface Program {
  /** TypeScript. */
  readonly code: string;
  /** Arguments of `deno run`. Default: all permissions. */
  readonly args?: readonly string[];
  /** Where it runs. Default: the checkout, so that its names of packages are known. */
  readonly cwd?: string;
}

export interface ProgramEnd {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Far more than any of them takes. */
const PROGRAM_MS_MAX = 60_000;

export async function runProgram(
  { code, args = ["-A"], cwd = ROOT }: Program,
): Promise<ProgramEnd> {
  const folder = await Deno.makeTempDir();
  try {
    // Read from a file: what comes by standard input is no module of the folder that it runs in.
    const file = `${cwd === ROOT ? folder : cwd}/program.ts`;
    await Deno.writeTextFile(file, code);
    const config = cwd === ROOT ? [`--config=${ROOT}deno.json`] : [];
    const { stdout, stderr, ...status } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", ...config, ...args, file],
      cwd,
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(PROGRAM_MS_MAX),
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code: status.code, signal: status.signal, stdout: text(stdout), stderr: text(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
