/** A server with the permissions that `rhino permissions` prints for it, and no others. */

import assert from "node:assert/strict";
import { RhinoProcess, type RunOptions, runRhino } from "../cli/rhino_process.ts";
import type { Place } from "./gateway_client.ts";

/** What the subcommand prints. */
export async function flagsFor({ args, ...options }: RunOptions): Promise<string[]> {
  const { code, stdout, stderr } = await runRhino({
    ...options,
    args: ["permissions", "--json", ...args],
  });
  assert.deepEqual([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

/** Starts it with these flags, or else with what it needs. */
export async function startRestricted(
  options: RunOptions,
  permissions?: readonly string[],
): Promise<RhinoProcess> {
  return new RhinoProcess({ ...options, permissions: permissions ?? await flagsFor(options) });
}

/** Where it serves, as soon as it does: the URL of the first line about such, with TCP's actual port. */
export async function placeOf(server: RhinoProcess, serves: string): Promise<Place> {
  await server.address();
  const line = await server.line(`serves=${serves}`);
  const [, scheme = "", rest = ""] = /url="?(\w+):\/\/(\S+?)"? serves/.exec(line) ?? [];
  if (scheme === "unix") return { url: "http://localhost", socketPath: rest };
  if (scheme === "unixs") return { url: "https://localhost", socketPath: rest };
  return { url: `${scheme}://${rest}` };
}

/** Lines about something that the server was refused. */
export function refusals(server: RhinoProcess): string[] {
  return server.lines.filter((line) => /NotCapable|Requires \w+ access|defect/.test(line));
}

/** Ends it in good order. */
export async function stop(server: RhinoProcess): Promise<void> {
  server.kill("SIGTERM");
  assert.equal((await server.status()).code, 0);
}
