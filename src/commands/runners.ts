/** Which module runs a subcommand; each is imported only when it is asked for. */

import type { SubcommandCall, SubcommandName } from "../cli/subcommands.ts";

/** Answers the exit code. What it throws is told in one line. */
export type Runner = (call: SubcommandCall) => Promise<number>;

const RUNNERS: Readonly<Record<SubcommandName, () => Promise<{ readonly run: Runner }>>> = {
  conformance: () => import("./conformance.ts"),
  health: () => import("./health.ts"),
  permissions: () => import("./permissions.ts"),
  migrate: () => import("./migrate.ts"),
  check: () => import("./check.ts"),
  status: () => import("./status.ts"),
};

export async function runSubcommand(call: SubcommandCall): Promise<number> {
  const { run } = await RUNNERS[call.name]();
  return await run(call);
}
