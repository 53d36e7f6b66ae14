/** What an endpoint makes a backend read of its machine: handed in, so that one can also find out what it would read. */

import type { Surroundings } from "../contract.ts";

export interface Machine {
  /** A variable of the environment. */
  env(name: string): string | undefined;
  /** @throws {Error} that says why the file cannot be read */
  readFile(path: string): string;
}

export const THIS_MACHINE: Machine = {
  env: (name) => Deno.env.get(name),
  readFile: (path) => Deno.readTextFileSync(path),
};

/** A machine whose files are all empty, and which remembers what it was asked for. */
export class AskedMachine implements Machine {
  readonly #surroundings: Surroundings;
  readonly variables = new Set<string>();
  readonly files = new Set<string>();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  env(name: string): string | undefined {
    this.variables.add(name);
    return this.#surroundings.env(name);
  }

  readFile(path: string): string {
    this.files.add(path);
    return "";
  }
}
