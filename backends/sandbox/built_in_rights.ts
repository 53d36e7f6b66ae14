/** What a Worker may do in which one of Rhino's own modules runs. */

import { fileURLToPath } from "node:url";
import type { Rights } from "../contract.ts";
import { rightsOf } from "../registry.ts";
import { THIS_MACHINE } from "../this_machine.ts";

/** What the driver for PostgreSQL looks at whatever it is told; it fails at one that it may not see. */
const POSTGRES_VARIABLES = [
  "PGHOST",
  "PGPORT",
  "PGUSER",
  "PGPASSWORD",
  "PGDATABASE",
  "PGSSLMODE",
  "PGSSLROOTCERT",
  "PGSSLCERT",
  "PGSSLKEY",
  "PGAPPNAME",
  "PGPASSFILE",
  "USER",
];

/**
 * The store's rights, and to read the code.
 *
 * @throws {BackendError} `unusable` if the endpoint is malformed
 */
export async function builtInRights(scheme: string, endpoint: string): Promise<Rights> {
  const { net, read, write, env } = await rightsOf({ endpoint }, THIS_MACHINE);
  const driver = scheme.startsWith("postgres") ? POSTGRES_VARIABLES.filter(maySee) : [];
  return { net, write, read: [...read, ...codeFolder()], env: [...new Set([...env, ...driver])] };
}

/** A Worker cannot be given what its parent does not have. */
function maySee(variable: string): boolean {
  return Deno.permissions.querySync({ name: "env", variable }).state === "granted";
}

/** Where the modules lie that the Worker imports; in a compiled program they are a part of it. */
function codeFolder(): string[] {
  const url = new URL("../", import.meta.url);
  return url.protocol === "file:" ? [fileURLToPath(url)] : [];
}
