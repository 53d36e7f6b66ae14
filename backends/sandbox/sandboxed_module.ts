/** Modules that do all in Workers of their own, in the form of any other module: somebody else's, and Rhino's. */

import { type BackendModule, CONTRACT_VERSION, type OpenOptions } from "../contract.ts";
import { loadForeignModule, type ModuleSource } from "../loading/foreign_module.ts";
import { foreignRights } from "../foreign_rights.ts";
import { inspect, removeInSandbox, type SandboxedStore } from "./opening.ts";
import { builtInRights } from "./built_in_rights.ts";
import { openInSandbox } from "./worker_backend.ts";

/** Looking into a module has no words of its own. */
const SILENT: OpenOptions = {
  maxConnections: 1,
  createSchema: false,
  leaseGapMs: 1,
  now: () => 0,
  randomId: () => 1n,
  log: () => {},
};

/**
 * Fetches somebody else's module, checks it, and looks at what it exports.
 *
 * @param allowNet what it may connect to besides the addresses in an endpoint
 * @throws {BackendError} `unusable`, with one line
 */
export async function foreignModule(
  source: ModuleSource,
  allowNet: readonly string[],
): Promise<BackendModule> {
  // Never disposed of: a Worker that ends is started again with the same bytes as long as the server runs.
  const { specifier, origin } = await loadForeignModule(source);
  const storeAt = (endpoint: string): SandboxedStore => ({
    name: source.scheme,
    place: { kind: "foreign", specifier },
    origin,
    endpoint,
    rights: foreignRights({ endpoint, backendAllowNet: allowNet }),
  });
  const { hasRemove } = await inspect(storeAt(`${source.scheme}:`), SILENT);
  return {
    contractVersion: CONTRACT_VERSION,
    open: (endpoint, options) => openInSandbox(storeAt(endpoint), options),
    ...(hasRemove &&
      { remove: (endpoint, options) => removeInSandbox(storeAt(endpoint), options) }),
  };
}

/** One of Rhino's own modules, whose stores are to be opened in a sandbox. */
export function inSandbox(module: BackendModule, scheme: string): BackendModule {
  return {
    ...module,
    open: async (endpoint, options) => {
      const rights = await builtInRights(scheme, endpoint);
      const place = { kind: "built-in", scheme } as const;
      return await openInSandbox({ name: scheme, place, origin: "", endpoint, rights }, options);
    },
  };
}
