/** Python with pinned packages, in environments of the repository's own: .cache/python. */

import { fileURLToPath } from "node:url";

const CACHE_DIR = fileURLToPath(new URL("../../.cache/python", import.meta.url));

/** Downloads some thirty packages. */
const INSTALL_TIMEOUT_MS = 10 * 60_000;
const WHAT_TO_INSTALL =
  "install python3 and its venv module (Debian: apt-get install python3-venv)";

/**
 * Why tests that need Python cannot run here, or undefined if they can. In CI they always can: there a missing Python has
 * to fail the run, not to thin it out.
 */
export async function whyNoPython(): Promise<string | undefined> {
  if (Deno.env.get("CI") === "true") return undefined;
  try {
    await run("python3", ["-c", "import ensurepip, venv"]);
    return undefined;
  } catch {
    return `needs Python: ${WHAT_TO_INSTALL}`;
  }
}

export interface PythonEnvironment {
  readonly name: string;
  /** Path of the file that names the packages, one a line, with versions. */
  readonly requirements: string;
}

/**
 * The folder with the environment's executables, made first if it is not there yet.
 *
 * @throws {Error} if Python is missing, or a package cannot be had
 */
export async function pythonEnvironment(
  { name, requirements }: PythonEnvironment,
): Promise<string> {
  const wanted = await Deno.readTextFile(requirements);
  const dir = `${CACHE_DIR}/${name}`;
  const installed = `${dir}/installed.txt`;
  await Deno.mkdir(CACHE_DIR, { recursive: true });
  // Test files run in parallel; the lock goes with the process, however that ends.
  using lock = await Deno.open(`${CACHE_DIR}/lock`, { create: true, write: true });
  await lock.lock(true);
  if (await textOf(installed) === wanted) return `${dir}/bin`;
  try {
    await run("python3", ["-m", "venv", "--clear", dir]);
  } catch (cause) {
    throw new Error(`Cannot make a Python environment: ${WHAT_TO_INSTALL}`, { cause });
  }
  await run(`${dir}/bin/pip`, ["install", "--quiet", "--requirement", requirements]);
  // Written last, so that an interrupted installation leaves nothing that counts.
  await Deno.writeTextFile(installed, wanted);
  return `${dir}/bin`;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const result = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    signal: AbortSignal.timeout(INSTALL_TIMEOUT_MS),
  }).output();
  if (result.success) return;
  const decoder = new TextDecoder();
  const output = decoder.decode(result.stderr) + decoder.decode(result.stdout);
  throw new Error(`${command} ${args.join(" ")} ended with code ${result.code}:\n${output}`);
}
