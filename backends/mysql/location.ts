/** From an endpoint to where the database is and how to speak to it. */

import { isIP } from "node:net";
import { BackendError } from "../contract.ts";
import { type HostPort, parseEndpoint } from "../sql/endpoint.ts";
import { type Machine, THIS_MACHINE } from "../sql/machine.ts";
import { type TlsMode, tlsOptions } from "../sql/tls_settings.ts";

const DEFAULTS = { host: "localhost", port: 3306, passwordVariable: "MYSQL_PWD" };

/** MySQL's names for it, and libpq's. `PREFERRED` is the default of MySQL's own clients. */
const TLS_MODES: Readonly<Record<string, TlsMode>> = {
  DISABLED: "disable",
  PREFERRED: "prefer",
  REQUIRED: "require",
  VERIFY_CA: "verify-ca",
  VERIFY_IDENTITY: "verify-full",
};

export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly verifyIdentity: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Location {
  /** Tried in order. A host that begins with a slash is a Unix socket. */
  readonly hosts: readonly HostPort[];
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `null` for none. */
  readonly tls: TlsOptions | null;
  /** Whether a server that offers no TLS will do. */
  readonly takesPlain: boolean;
  /** Names of URL parameters that mean nothing here. */
  readonly ignored: readonly string[];
}

/** @throws {BackendError} `unusable`, with one clear line */
export function parseLocation(endpoint: string, machine: Machine = THIS_MACHINE): Location {
  const { user, password, hosts, database, parameters } = parseEndpoint(
    withPlainHost(endpoint),
    DEFAULTS,
    machine,
  );
  if (user === null) throw unusable("it names no user (mysql://USER:PASSWORD@HOST/DATABASE)");
  if (database === null) {
    throw unusable("it names no database (mysql://USER:PASSWORD@HOST/DATABASE)");
  }
  const socket = parameters.take("socket");
  const name = parameters.takeOneOf("ssl-mode", Object.keys(TLS_MODES)) ?? "PREFERRED";
  const mode = TLS_MODES[name] ?? "prefer";
  const settings = {
    mode,
    rootCert: parameters.take("ssl-ca"),
    cert: parameters.take("ssl-cert"),
    key: parameters.take("ssl-key"),
    keyPassword: null,
  };
  const options = socket === null ? tlsOptions(settings, machine) : null;
  if (mode === "verify-full" && hosts.some(({ host }) => isIP(host) !== 0)) {
    // The driver compares no addresses, and would take any certificate.
    throw unusable("ssl-mode=VERIFY_IDENTITY needs a host's name, not its address (or VERIFY_CA)");
  }
  return {
    hosts: socket === null ? hosts : [{ host: socket, port: 0 }],
    user,
    password: password ?? "",
    database,
    tls: options === null ? null : {
      // Unlike libpq's, MySQL's clients look at the chain only when they are told to.
      rejectUnauthorized: mode === "verify-ca" || mode === "verify-full",
      verifyIdentity: mode === "verify-full",
      ...(typeof options.ca === "string" ? { ca: options.ca } : {}),
      ...(typeof options.cert === "string" ? { cert: options.cert } : {}),
      ...(typeof options.key === "string" ? { key: options.key } : {}),
    },
    takesPlain: mode === "prefer",
    ignored: parameters.rest(),
  };
}

/** Takes the hosts of Go's driver, and so of kine, as well: `tcp(HOST:PORT)`, `unix(PATH)`. */
function withPlainHost(endpoint: string): string {
  const socket = /@unix\(([^)]*)\)([^?]*)(?:\?(.*))?$/.exec(endpoint);
  if (socket === null) return endpoint.replace(/@tcp\(([^)]*)\)/, "@$1");
  const [whole, path = "", database = "", query = ""] = socket;
  const parameters = [`socket=${encodeURIComponent(path)}`, ...(query === "" ? [] : [query])];
  return `${endpoint.slice(0, -whole.length)}@localhost${database}?${parameters.join("&")}`;
}

function unusable(reason: string): BackendError {
  return new BackendError("unusable", `Cannot use the endpoint: ${reason}`);
}
