/** What a store in PostgreSQL asks of the machine. */

import { join } from "node:path";
import type { Rights, Surroundings } from "../contract.ts";
import type { HostPort } from "../sql/endpoint.ts";
import { hostRights } from "../sql/host_rights.ts";
import { AskedMachine } from "../sql/machine.ts";
import { parseSettings } from "./settings.ts";

/** @throws {BackendError} `unusable` if the endpoint is malformed */
export function rights(endpoint: string, surroundings: Surroundings): Rights {
  const asked = new AskedMachine(surroundings);
  const { hosts, listenHost, password } = parseSettings(endpoint, asked);
  // Where nothing names a password, `pg` looks into the password file of libpq.
  if (password === null) asked.readFile(passwordFile(asked));
  const places = listenHost === null ? hosts : [...hosts, listenHost];
  return hostRights(places.map(placeOf), asked);
}

function passwordFile(asked: AskedMachine): string {
  return asked.env("PGPASSFILE") ?? join(asked.env("HOME") ?? ".", ".pgpass");
}

/** Of a Unix socket, whose host is a folder, the file in it. */
function placeOf({ host, port }: HostPort): HostPort {
  return { host: host.startsWith("/") ? join(host, `.s.PGSQL.${port}`) : host, port };
}
