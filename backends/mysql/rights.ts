/** What a store in MariaDB or MySQL asks of the machine. */

import type { Rights, Surroundings } from "../contract.ts";
import { hostRights } from "../sql/host_rights.ts";
import { AskedMachine } from "../sql/machine.ts";
import { parseLocation } from "./location.ts";

/** @throws {BackendError} `unusable` if the endpoint is malformed */
export function rights(endpoint: string, surroundings: Surroundings): Rights {
  const asked = new AskedMachine(surroundings);
  const { hosts } = parseLocation(endpoint, asked);
  return hostRights(hosts, asked);
}
