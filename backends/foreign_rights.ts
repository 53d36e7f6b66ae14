/** What a store of somebody else's module asks of the machine, as far as anybody but the module can tell. */

import type { Rights } from "./contract.ts";
import type { BackendChoice } from "./registry.ts";

/** The addresses in the endpoint, and those that were allowed besides. */
export function foreignRights({ endpoint, backendAllowNet = [] }: BackendChoice): Rights {
  return {
    net: [...new Set([...addressesIn(endpoint), ...backendAllowNet])],
    read: [],
    write: [],
    env: [],
  };
}

/** `scheme://user:password@HOST:PORT,HOST:PORT/…`; a host without a port stands for all of its ports. */
function addressesIn(endpoint: string): string[] {
  const [, authority = ""] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(endpoint) ?? [];
  // The last, for a careless password may hold more of them.
  const hosts = authority.slice(authority.lastIndexOf("@") + 1).split(",");
  return hosts.filter((host) => host !== "" && !host.startsWith(":"));
}
