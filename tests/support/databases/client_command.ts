/** Runs a database's own command line tools, so that a server can be set up and asked without any driver. */

import type { UserIds } from "./executables.ts";

const COMMAND_TIMEOUT_MS = 120_000;

export interface CommandOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: UserIds | undefined;
}

/**
 * What the command wrote to its standard output.
 *
 * @throws {Error} with what it wrote to its standard error if it failed or took too long.
 */
export async function runCommand(
  command: string,
  { user, ...options }: CommandOptions,
): Promise<string> {
  const result = await new Deno.Command(command, {
    ...options,
    ...user,
    args: [...options.args],
    stdin: "null",
    signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS),
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(result.stdout);
  if (result.success) return output;
  const name = command.slice(command.lastIndexOf("/") + 1);
  const ending = result.signal ?? `code ${result.code}`;
  // Some of them tell what is wrong on the standard output.
  const complaint = `${decoder.decode(result.stderr)}${output}`.trim();
  throw new Error(`${name} ended with ${ending}: ${complaint}`);
}
