/** Permissions as the flags of `deno run`. */

import type { Permissions } from "./permissions.ts";

/**
 * A host that there never is. Without the flag Deno takes code from some hosts that it knows, and `--deny-import` alone does
 * not keep it from that (2.9.6).
 */
const NO_HOST = "none.invalid";

export function denoFlags(permissions: Permissions): string[] {
  const { net, read, write, env, sys } = permissions;
  const kinds = { net, read, write, env, sys };
  return [
    "--no-prompt",
    ...Object.entries(kinds).flatMap(([kind, values]) => allowFlag(kind, values)),
    // What libraries ask for besides is not set, to them.
    "--ignore-env",
    ...allowFlag("import", permissions.import.length === 0 ? [NO_HOST] : permissions.import),
  ];
}

/** @throws {RangeError} if a value cannot stand in a flag */
function allowFlag(kind: string, values: readonly string[]): string[] {
  const [broken] = values.filter((value) => value.includes(","));
  if (broken !== undefined) {
    throw new RangeError(
      `Deno's flags cannot name "${broken}": they part their values by commas; choose another path`,
    );
  }
  return values.length === 0 ? [] : [`--allow-${kind}=${values.join(",")}`];
}

/**
 * A word for a shell. What only a file of just this name could change (`*`, `[`, `]`) is left as it is, so that the words
 * also do within `$(…)`, where a shell takes quotes for part of them.
 */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./*[\]-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
