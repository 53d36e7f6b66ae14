/** What a store asks of the machine, read off its endpoint. */

import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Rights } from "../contract.ts";

const NONE: Rights = { net: [], read: [], write: [], env: [] };

/** Parameters of database URLs that name files. */
const FILE_PARAMETERS = [
  "password_file",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "ssl-ca",
  "ssl-cert",
  "ssl-key",
];

/** What libpq's programs take from the environment, and the driver with them. */
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

/** Of a module of somebody else: the addresses in the endpoint, and those that were allowed besides. */
export function foreignRights(endpoint: string, allowNet: readonly string[]): Rights {
  return { ...NONE, net: [...new Set([...addressesIn(endpoint), ...allowNet])] };
}

/** Of one of Rhino's own, which besides reads its own code. */
export function builtInRights(scheme: string, endpoint: string): Rights {
  const code = codeFolder();
  switch (scheme) {
    case "memory":
      return { ...NONE, read: code };
    case "sqlite": {
      const path = endpoint.replace(/^sqlite:(?:\/\/)?/i, "").replace(/\?.*$/s, "");
      const folder = dirname(resolve(path));
      // A folder that is not there yet is made with those above it.
      const folders = [folder, existingAbove(folder)];
      return { ...NONE, read: [...folders, ...code], write: folders };
    }
    default:
      return {
        net: serverAddresses(endpoint, scheme.startsWith("postgres") ? 5432 : 3306),
        read: [...filesIn(endpoint), ...code],
        write: [],
        env: scheme.startsWith("postgres") ? POSTGRES_VARIABLES : ["MYSQL_PWD"],
      };
  }
}

/** Where the modules lie that the Worker imports; in a compiled program they are a part of it. */
function codeFolder(): string[] {
  const url = new URL("../", import.meta.url);
  return url.protocol === "file:" ? [fileURLToPath(url)] : [];
}

function existingAbove(folder: string): string {
  for (let at = folder;; at = dirname(at)) { // Ends with the root, which is its own parent.
    try {
      if (Deno.statSync(at).isDirectory || at === dirname(at)) return at;
    } catch {
      if (at === dirname(at)) return at;
    }
  }
}

/** `scheme://user:password@HOST:PORT,HOST:PORT/…`; a host without a port stands for all of its ports. */
function addressesIn(endpoint: string): string[] {
  const [, authority = ""] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(endpoint) ?? [];
  // The last, for a careless password may hold more of them.
  const hosts = authority.slice(authority.lastIndexOf("@") + 1).split(",");
  return hosts.filter((host) => host !== "" && !host.startsWith(":"));
}

function serverAddresses(endpoint: string, defaultPort: number): string[] {
  const found = addressesIn(endpoint);
  const hosts = found.length === 0 ? [Deno.env.get("PGHOST") ?? "localhost"] : found;
  return hosts.map((host) => /:\d+$/.test(host) ? host : `${host}:${defaultPort}`);
}

function filesIn(endpoint: string): string[] {
  const parameters = new URLSearchParams(/\?(.*)$/s.exec(endpoint)?.[1] ?? "");
  const inEnvironment = ["PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"].flatMap((name) =>
    Deno.env.get(name) ?? []
  );
  return [...FILE_PARAMETERS.flatMap((name) => parameters.getAll(name)), ...inEnvironment];
}
