/** What the operator is told about the settings before the server starts. Names alone, for values may be secrets. */

import type { Log } from "../log.ts";
import type { ServeCommand } from "./command.ts";
import { type IgnoredFlag, ignoredText } from "./ignored.ts";

/** A file that is no config file has a line too. */
const KEYS_SHOWN_MAX = 20;

/** What there is to report, in data alone: it may go to another thread. */
export type Settled =
  & Omit<ServeCommand, "name" | "ignored">
  & { readonly ignored: readonly Pick<IgnoredFlag, "name" | "reason">[] };

/** Without what is not data. */
export function settled(
  { config, etcdFolder, ignored, unknownVariables, file }: ServeCommand,
): Settled {
  return {
    config,
    etcdFolder,
    unknownVariables,
    ignored: ignored.map(({ name, reason }) => ({ name, reason })),
    file: file && {
      path: file.path,
      unknownKeys: file.unknownKeys,
      overridden: file.overridden,
    },
  };
}

export function logSettings(command: Settled, log: Log): void {
  const { unknownVariables, file, ignored, etcdFolder, config } = command;
  for (const name of unknownVariables) log("warn", "unknown environment variable", { name });
  if (file !== undefined) {
    const { path, overridden, unknownKeys } = file;
    const message =
      "loaded server configuration, other configuration command line flags and environment variables will be " +
      "ignored if provided";
    log("info", message, { path, ...(overridden.length === 0 ? {} : { ignored: overridden }) });
    if (unknownKeys.length > 0) {
      log("warn", "unknown keys in the config file", {
        names: unknownKeys.slice(0, KEYS_SHOWN_MAX),
      });
    }
  }
  if (ignored.length > 0) log("info", ignoredText(ignored));
  if (etcdFolder !== undefined && exists(`${etcdFolder}/member`) && !exists(config.endpoint)) {
    log("warn", "etcd's own data in this folder is not read: the store begins empty", {
      folder: etcdFolder,
    });
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
