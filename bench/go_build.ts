/** Programs that are built from Go modules beside this file and kept in .cache/bench. */

import { fileURLToPath } from "node:url";

const BENCH_DIR = fileURLToPath(new URL("./", import.meta.url));

export const CACHE_DIR: string = fileURLToPath(new URL("../.cache/bench/", import.meta.url));

/** kine compiles SQLite; on two cores that is minutes. */
const BUILD_TIMEOUT_MS = 20 * 60_000;

export interface Program {
  /** A folder of bench/ with a go.mod. */
  readonly module: string;
  /** The package to build in that module. */
  readonly packageName: string;
  /** The executable's name in the cache. */
  readonly executable: string;
  readonly needsC: boolean;
}

/**
 * Builds a program, or finds that it is there and current, and returns its path.
 *
 * @throws {Error} if Go is missing, or the build fails or takes longer than `BUILD_TIMEOUT_MS`.
 */
export async function buildProgram(program: Program): Promise<string> {
  await Deno.mkdir(CACHE_DIR, { recursive: true });
  const path = `${CACHE_DIR}${program.executable}`;
  // The tests run in parallel with others, and perhaps with a benchmark.
  using lock = await Deno.open(`${path}.lock`, { create: true, write: true });
  await lock.lock(true);
  const result = await goBuild(program, path);
  if (result.success) return path;
  const output = new TextDecoder().decode(result.stderr).trim();
  throw new Error(`go build failed in bench/${program.module}: ${output}`);
}

export async function buildLoadgen(): Promise<string> {
  return await buildProgram({
    module: "loadgen",
    packageName: ".",
    executable: "loadgen",
    needsC: false,
  });
}

export async function buildKine(): Promise<{ readonly path: string; readonly version: string }> {
  const packageName = "github.com/k3s-io/kine";
  const version = await requiredVersion("kine", packageName);
  const program = { module: "kine", packageName, executable: `kine-${version}`, needsC: true };
  return { path: await buildProgram(program), version };
}

export function hasGo(): Promise<boolean> {
  return runs("go", "version");
}

/** What kine needs besides Go, for its SQLite. */
export function hasCompiler(): Promise<boolean> {
  return runs(Deno.env.get("CC") ?? "gcc", "--version");
}

async function runs(command: string, argument: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: [argument] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The version that a module's go.mod requires of another. */
async function requiredVersion(module: string, dependency: string): Promise<string> {
  const text = await Deno.readTextFile(`${BENCH_DIR}${module}/go.mod`);
  const line = text.split("\n").find((line) => line.includes(`${dependency} v`));
  const version = line?.split(" v")[1]?.split(" ")[0];
  if (version === undefined) {
    throw new Error(`Cannot find ${dependency} in bench/${module}/go.mod`);
  }
  return version;
}

/** Go itself leaves an executable that is current as it is, and replaces an old one whole. */
async function goBuild(program: Program, path: string): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command("go", {
      args: ["build", "-mod=readonly", "-o", path, program.packageName],
      cwd: `${BENCH_DIR}${program.module}`,
      env: { CGO_ENABLED: program.needsC ? "1" : "0" },
      signal: AbortSignal.timeout(BUILD_TIMEOUT_MS),
    }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error('there is no "go" on the PATH', { cause: error });
  }
}
