/** What a module imports, found out without running it. */

import { init, parse } from "es-module-lexer/minimal";

export interface Import {
  readonly specifier: string;
  /** Where the specifier stands in the text, without its quotes. */
  readonly start: number;
  readonly end: number;
}

/**
 * All imports whose specifier is written down, in declarations and in `import("…")`; those of types alone are left out, for
 * they are not there any more when the module runs.
 *
 * @throws {Error} if the text is no module
 */
export async function importsOf(text: string): Promise<Import[]> {
  await init();
  return parse(text)[0].flatMap(({ n, s, e, d, ss }) => {
    if (n === undefined || isOfTypes(text.slice(ss, s))) return [];
    // The specifier of `import("…")` is found with its quotes.
    return [
      d >= 0 ? { specifier: n, start: s + 1, end: e - 1 } : { specifier: n, start: s, end: e },
    ];
  });
}

/** `import type …`, though not `import type from "…"`, which imports what is called so. */
function isOfTypes(statement: string): boolean {
  return /^(?:import|export)\s+type\s+(?!from\s*["'])/.test(statement);
}

/** A package of npm at one version. */
export function isExactNpm(specifier: string): boolean {
  return /^npm:\/?(?:@[^/@]+\/)?[^/@]+@\d+\.\d+\.\d+[\w.+-]*(?:\/.*)?$/.test(specifier);
}
