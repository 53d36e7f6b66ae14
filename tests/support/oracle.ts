/**
 * The oracle: etcd itself, built from the Go module proxy at the version that tests/oracle/go.mod
 * pins, together with its two command line tools. The executables are kept in .cache/oracle.
 */

import { fileURLToPath } from "node:url";
import { hasGo } from "../../bench/go_build.ts";

/** The etcd that Rhino answers like. */
export const ORACLE_VERSION = "3.7.1";

/** A first build downloads and compiles some hundred packages; on two cores that is minutes. */
const BUILD_TIMEOUT_MS = 20 * 60_000;

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));
const MODULE_DIR = `${REPOSITORY}tests/oracle`;
const CACHE_DIR = `${REPOSITORY}.cache/oracle/${ORACLE_VERSION}`;

const PACKAGES = {
  etcd: "go.etcd.io/etcd/server/v3",
  etcdctl: "go.etcd.io/etcd/etcdctl/v3",
  etcdutl: "go.etcd.io/etcd/etcdutl/v3",
} as const;

type ToolName = keyof typeof PACKAGES;

/** Paths of the executables. */
export type OracleTools = { readonly [name in ToolName]: string };

let tools: Promise<OracleTools> | undefined;

/**
 * The oracle's executables, built first if they are not there yet.
 *
 * @throws {Error} if Go is missing, or the build fails or takes longer than `BUILD_TIMEOUT_MS`.
 */
export function oracleTools(): Promise<OracleTools> {
  tools ??= buildMissing();
  return tools;
}

/**
 * Why tests that need the oracle cannot run here, or undefined if they can. In CI they always
 * can: there a missing oracle has to fail the run, not to thin it out.
 */
export async function whyNoOracle(): Promise<string | undefined> {
  if (Deno.env.get("CI") === "true" || await allBuilt() || await hasGo()) return undefined;
  return `needs etcd ${ORACLE_VERSION}, and there is no Go to build it with`;
}

async function buildMissing(): Promise<OracleTools> {
  await Deno.mkdir(CACHE_DIR, { recursive: true });
  // Test files run in parallel; the lock goes with the process, however that ends.
  using lock = await Deno.open(`${CACHE_DIR}/lock`, { create: true, write: true });
  await lock.lock(true);
  for (const name of toolNames()) {
    if (!await exists(toolPath(name))) await build(name);
  }
  return {
    etcd: toolPath("etcd"),
    etcdctl: toolPath("etcdctl"),
    etcdutl: toolPath("etcdutl"),
  };
}

async function build(name: ToolName): Promise<void> {
  if (!await hasGo()) {
    throw new Error(
      `Cannot build ${name} ${ORACLE_VERSION}: no "go" on the PATH. Install Go 1.26 or newer ` +
        `(https://go.dev/dl), or leave "etcd" out of RHINO_TEST_TARGETS`,
    );
  }
  // Under another name until it is whole, so that an interrupted build leaves nothing that counts.
  const unfinished = `${toolPath(name)}.unfinished`;
  const result = await new Deno.Command("go", {
    args: ["build", "-mod=readonly", "-buildvcs=false", "-o", unfinished, PACKAGES[name]],
    cwd: MODULE_DIR,
    env: { CGO_ENABLED: "0" },
    signal: AbortSignal.timeout(BUILD_TIMEOUT_MS),
  }).output();
  if (!result.success) {
    const output = new TextDecoder().decode(result.stderr);
    throw new Error(`Cannot build ${name} ${ORACLE_VERSION}: go build failed:\n${output}`);
  }
  await Deno.rename(unfinished, toolPath(name));
}

function toolNames(): ToolName[] {
  return ["etcd", "etcdctl", "etcdutl"];
}

function toolPath(name: ToolName): string {
  return `${CACHE_DIR}/${name}`;
}

async function allBuilt(): Promise<boolean> {
  const built = await Promise.all(toolNames().map((name) => exists(toolPath(name))));
  return built.every(Boolean);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
