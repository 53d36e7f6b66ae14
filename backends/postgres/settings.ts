/** From an endpoint to what the backend needs to know. Parameters are named as libpq names them, where it has them. */

import type { ConnectionOptions } from "node:tls";
import { BackendError } from "../contract.ts";
import { type HostPort, parseEndpoint, parseHost } from "../sql/endpoint.ts";
import { type Machine, THIS_MACHINE } from "../sql/machine.ts";
import { TLS_MODES, type TlsMode, tlsOptions } from "../sql/tls_settings.ts";

const DEFAULT_PORT = 5432;
const DEFAULT_SCHEMA = "public";
/** For one host; less than a point read may take, so that it can still be told why. */
const CONNECT_TIMEOUT_S = 5;
/** PostgreSQL's limit for a name, in bytes. */
export const NAME_BYTES_MAX = 63;

export interface Settings {
  /** Tried in order until one takes writes. */
  readonly hosts: readonly HostPort[];
  /** Where notifications come from, if not from the same; see `listening.ts`. */
  readonly listenHost: HostPort | null;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
  readonly schema: string;
  readonly tlsMode: TlsMode;
  readonly tls: ConnectionOptions | null;
  readonly connectTimeoutMs: number;
  readonly applicationName: string;
  /** Whether statements are prepared once for each connection; `auto` finds out whether a pooler stands in between. */
  readonly prepare: "auto" | "yes" | "no";
  /** Parameters that have no effect. */
  readonly ignored: readonly string[];
}

/** @throws {BackendError} `unusable` */
export function parseSettings(endpoint: string, machine: Machine = THIS_MACHINE): Settings {
  // A variable is asked for only where the endpoint says nothing: the right to read it is needed only then.
  const env = (name: string) => machine.env(name) ?? null;
  const defaults = {
    get host() {
      return env("PGHOST") ?? "localhost";
    },
    get port() {
      return Number(env("PGPORT") ?? DEFAULT_PORT);
    },
    passwordVariable: "PGPASSWORD",
  };
  const { hosts, user, password, database, parameters } = parseEndpoint(
    endpoint,
    defaults,
    machine,
  );
  const userName = user ?? parameters.take("user") ?? env("PGUSER") ?? "postgres";
  const listenHost = parameters.take("listen_host");
  // A folder in which the socket lies cannot stand in front of the path of a URL.
  const folder = parameters.take("host");
  const isLocal = folder?.startsWith("/") === true;
  const saidMode = parameters.takeOneOf("sslmode", TLS_MODES) ?? "prefer";
  const tlsMode = isLocal ? "disable" : saidMode;
  const tlsFile = (parameter: string, variable: string) =>
    parameters.take(parameter) ?? (tlsMode === "disable" ? null : env(variable));
  const tls = tlsOptions({
    mode: tlsMode,
    rootCert: tlsFile("sslrootcert", "PGSSLROOTCERT"),
    cert: tlsFile("sslcert", "PGSSLCERT"),
    key: tlsFile("sslkey", "PGSSLKEY"),
    keyPassword: parameters.take("sslpassword"),
  }, machine);
  // Always so: what is not writable is of no use.
  parameters.takeOneOf("target_session_attrs", ["read-write", "primary", "any"]);
  return {
    hosts: folder === null
      ? hosts
      : hosts.slice(0, 1).map(({ port }) =>
        isLocal ? { host: folder, port } : parseHost(folder, { host: folder, port })
      ),
    listenHost: listenHost === null ? null : parseHost(listenHost, {
      get host() {
        return defaults.host;
      },
      port: DEFAULT_PORT,
    }),
    user: userName,
    password: password ?? parameters.take("password"),
    database: database ?? env("PGDATABASE") ?? userName,
    schema: parseSchema(parameters.take("schema") ?? DEFAULT_SCHEMA),
    tlsMode,
    tls,
    connectTimeoutMs: (parameters.takeNumber("connect_timeout", 1) ?? CONNECT_TIMEOUT_S) * 1_000,
    applicationName: parameters.take("application_name") ?? env("PGAPPNAME") ?? "rhino",
    prepare: parameters.takeOneOf("prepare", ["auto", "yes", "no"]) ?? "auto",
    ignored: parameters.rest(),
  };
}

function parseSchema(name: string): string {
  const size = new TextEncoder().encode(name).length;
  if (size > 0 && size <= NAME_BYTES_MAX && !name.includes("\0")) return name;
  const message =
    `Cannot use the endpoint: the schema's name must have 1 to ${NAME_BYTES_MAX} bytes`;
  throw new BackendError("unusable", message);
}
