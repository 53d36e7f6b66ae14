/** etcd's own tests, built once from the Go module proxy into an executable that is kept in .cache/etcd_suite. */

import { fileURLToPath } from "node:url";
import { ORACLE_VERSION } from "../support/oracle.ts";

const MODULE_DIR = fileURLToPath(new URL(".", import.meta.url));
const CACHE_DIR = fileURLToPath(
  new URL(`../../.cache/etcd_suite/${ORACLE_VERSION}`, import.meta.url),
);
const MODULE = "go.etcd.io/etcd/tests/v3";

/** A first build downloads and compiles some hundred packages; on two cores that is minutes. */
const GO_TIMEOUT_MS = 20 * 60_000;

export interface TestBinary {
  readonly path: string;
  /** Where the tests look for their fixtures from: the package's folder. */
  readonly dir: string;
  /** Names of the tests, in their order. */
  readonly names: readonly string[];
}

/**
 * The tests of a package of etcd's, such as `common`.
 *
 * @throws {Error} if Go is missing, or fails, or takes longer than `GO_TIMEOUT_MS`.
 */
export async function testBinary(packageName: string): Promise<TestBinary> {
  await Deno.mkdir(CACHE_DIR, { recursive: true });
  using lock = await Deno.open(`${CACHE_DIR}/lock`, { create: true, write: true });
  await lock.lock(true);
  // The module is downloaded before anybody can ask where it is; the build does that.
  const path = `${CACHE_DIR}/${packageName}.test`;
  const unfinished = `${path}.unfinished`;
  const build = ["test", "-tags=e2e", "-mod=readonly", "-c", `-o=${unfinished}`];
  await go([...build, `${MODULE}/${packageName}`]);
  await Deno.rename(unfinished, path);
  const moduleDir = (await go(["list", "-mod=readonly", "-m", "-f={{.Dir}}", MODULE])).trim();
  const dir = `${moduleDir}/${packageName}`;
  return { path, dir, names: await listTests({ path, dir }) };
}

async function go(args: readonly string[]): Promise<string> {
  return await run("go", { args, dir: MODULE_DIR });
}

async function listTests({ path, dir }: Omit<TestBinary, "names">): Promise<string[]> {
  const output = await run(path, { args: ["-test.list=."], dir });
  return output.split("\n").filter((line) => /^Test\w+$/.test(line));
}

async function run(
  command: string,
  { args, dir }: { readonly args: readonly string[]; readonly dir: string },
): Promise<string> {
  const result = await new Deno.Command(command, {
    args: [...args],
    cwd: dir,
    env: { CGO_ENABLED: "0" },
    stdin: "null",
    signal: AbortSignal.timeout(GO_TIMEOUT_MS),
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(result.stdout);
  if (result.success) return output;
  throw new Error(
    `Cannot prepare etcd's own tests: ${command} ${args.join(" ")} failed:\n` +
      `${decoder.decode(result.stderr)}${output}`,
  );
}
