/** What a database server asks of the machine. */

import type { Rights } from "../contract.ts";
import { showHost } from "./reasons.ts";
import type { HostPort } from "./endpoint.ts";
import type { AskedMachine } from "./machine.ts";

/**
 * @param places hosts; paths of Unix sockets begin with a slash
 * @param asked what the endpoint was read with
 */
export function hostRights(places: readonly HostPort[], asked: AskedMachine): Rights {
  const sockets = places.map(({ host }) => host).filter((host) => host.startsWith("/"));
  return {
    net: [
      ...new Set(
        places.map((place) => place.host.startsWith("/") ? `unix:${place.host}` : showHost(place)),
      ),
    ],
    // To connect to a socket Deno wants all three.
    read: [...asked.files, ...sockets],
    write: sockets,
    env: [...asked.variables],
  };
}
