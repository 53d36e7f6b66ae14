/** `rhino permissions`: the flags of `deno run` for what a server of this configuration needs, and for nothing else. */

import { BackendError } from "../../backends/contract.ts";
import type { SubcommandCall } from "../cli/subcommands.ts";
import { UsageError } from "../cli/usage_error.ts";
import { denoFlags, shellWord } from "../permissions/deno_flags.ts";
import { joined, permissionsOf, SETTINGS_VARIABLES } from "../permissions/permissions.ts";
import { THIS_PROCESS } from "../permissions/surroundings.ts";
import { print } from "./terminal.ts";

/** Prints the flags, and answers the exit code. */
export async function run(call: SubcommandCall): Promise<number> {
  const flags = await flagsFor(call);
  const isJson = call.own.values["json"] !== undefined;
  print(
    isJson ? `${JSON.stringify(flags)}\n` : flags.map((flag) => `${shellWord(flag)}\n`).join(""),
  );
  return 0;
}

/** @throws {UsageError} if the endpoint is malformed, or a path cannot be named */
async function flagsFor({ config, configFile }: SubcommandCall): Promise<string[]> {
  try {
    const settings = {
      env: SETTINGS_VARIABLES,
      read: configFile === undefined ? [] : [configFile],
    };
    return denoFlags(joined([await permissionsOf(config, THIS_PROCESS), settings]));
  } catch (error) {
    const isInput = error instanceof RangeError || error instanceof BackendError;
    throw isInput ? new UsageError(error.message) : error;
  }
}
