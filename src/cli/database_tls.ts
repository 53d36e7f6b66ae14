/** kine's TLS flags for the database, as parameters of the endpoint's URL. */

import type { Settings } from "./flags/flag.ts";

interface Parameters {
  readonly mode: string;
  readonly verified: string;
  readonly unverified: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const POSTGRES: Parameters = {
  mode: "sslmode",
  verified: "verify-full",
  unverified: "require",
  ca: "sslrootcert",
  cert: "sslcert",
  key: "sslkey",
};

const MYSQL: Parameters = {
  mode: "ssl-mode",
  verified: "VERIFY_IDENTITY",
  unverified: "REQUIRED",
  ca: "ssl-ca",
  cert: "ssl-cert",
  key: "ssl-key",
};

const BY_SCHEME: Readonly<Record<string, Parameters>> = {
  postgres: POSTGRES,
  postgresql: POSTGRES,
  mysql: MYSQL,
  mariadb: MYSQL,
};

type TlsSettings = Pick<
  Settings,
  "databaseCaFile" | "databaseCertFile" | "databaseKeyFile" | "databaseSkipVerify"
>;

/** The endpoint with the files in its URL. What the URL says itself stays; a store without a server stays as it is. */
export function withDatabaseTls(endpoint: string, settings: TlsSettings): string {
  const scheme = /^([a-z]+):\/\//i.exec(endpoint)?.[1]?.toLowerCase() ?? "";
  const names = Object.hasOwn(BY_SCHEME, scheme) ? BY_SCHEME[scheme] : undefined;
  const { databaseCaFile: ca, databaseCertFile: cert, databaseKeyFile: key } = settings;
  if (names === undefined || (ca === "" && cert === "" && key === "")) return endpoint;
  const query = endpoint.indexOf("?");
  const said = new URLSearchParams(query < 0 ? "" : endpoint.slice(query + 1));
  const isUnverified = settings.databaseSkipVerify;
  const parameters = [
    [names.mode, isUnverified ? names.unverified : names.verified],
    // With an authority given, "require" would check against it.
    [names.ca, isUnverified ? "" : ca],
    [names.cert, cert],
    [names.key, key],
  ] as const;
  const added = parameters
    .filter(([name, value]) => value !== "" && !said.has(name))
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  if (added.length === 0) return endpoint;
  const joint = query < 0 ? "?" : query === endpoint.length - 1 ? "" : "&";
  return `${endpoint}${joint}${added.join("&")}`;
}
