/** Flags: where the data lives. */

import { CONFIG_BOUNDS, DEFAULT_CONFIG } from "../../config.ts";
import type { BackendSource } from "../../../backends/registry.ts";
import { parseInteger, parseList, parseText, parseTruth } from "../values.ts";
import { type FlagGroup, TRUTH } from "./flag.ts";

export const STORAGE = {
  endpoint: {
    name: "endpoint",
    of: ["kine"],
    placeholder: "PATH|URL",
    default: "./db/state.db",
    help:
      "Where the data lives: the path of a SQLite file (made with its folder if it is missing), " +
      "the same as `sqlite://PATH`; `postgres://…` or `mysql://…` for a database server, which several servers may " +
      "share; or `memory://` for a store that ends with the process.",
    parse: parseEndpoint,
  },
  dataDir: {
    name: "data-dir",
    of: ["etcd"],
    placeholder: "FOLDER",
    default: "",
    help:
      "Folder of the data where no endpoint is given: the SQLite file is `FOLDER/rhino.db`. With `--name` or " +
      "`--config-file` alone it is `NAME.etcd`, as etcd has it.",
    parse: parseText,
  },
  backends: {
    name: "backend",
    placeholder: "SCHEME=URL",
    default: "",
    isRepeatable: true,
    help:
      "Module that serves endpoints of the scheme, in a sandbox: `https:`, `http:`, `file:`, `npm:` or a path, and behind " +
      "`#sha256-` the digest that it must have. Once for each scheme.",
    parse: parseBackends,
  },
  backendAllowNet: {
    name: "backend-allow-net",
    placeholder: "HOST[:PORT],…",
    default: "",
    help: "What a backend in the sandbox may connect to, besides the address in the endpoint.",
    parse: parseList,
  },
  sandbox: {
    name: "sandbox",
    placeholder: TRUTH,
    default: "false",
    help: "Run the built-in backends in the sandbox too.",
    parse: parseTruth,
  },
  maxConnections: {
    name: "max-connections",
    also: [{ name: "datastore-max-open-connections", of: ["kine"], parse: parseOpenConnections }],
    placeholder: "COUNT",
    default: "5",
    help: "Connections to the database server, all together. SQLite has none.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.maxConnections),
  },
  noCreate: {
    name: "no-create",
    placeholder: TRUTH,
    default: "false",
    help:
      "Never make tables in a database server, for an account that may not: `--print-schema` prints what to run instead.",
    parse: parseTruth,
  },
  databaseCaFile: {
    name: "database-ca-file",
    also: [{ name: "ca-file", of: ["kine"] }],
    placeholder: "PATH",
    default: "",
    help:
      "Authority of the database server's certificate, PEM: `sslrootcert` or `ssl-ca` of the endpoint's URL, which goes " +
      "before. With one of these files the certificate is checked, unless the URL says how.",
    parse: parseText,
  },
  databaseCertFile: {
    name: "database-cert-file",
    also: [{ name: "cert-file", of: ["kine"] }],
    placeholder: "PATH",
    default: "",
    help:
      "Certificate to show to the database server, PEM. `--cert-file` and `--key-file` mean these two, as to kine, in a " +
      "command line with a flag that only kine has (such as `--ca-file`), and as `KINE_CERT_FILE` and `KINE_KEY_FILE`.",
    parse: parseText,
  },
  databaseKeyFile: {
    name: "database-key-file",
    also: [{ name: "key-file", of: ["kine"] }],
    placeholder: "PATH",
    default: "",
    help: "Its key, PEM.",
    parse: parseText,
  },
  databaseSkipVerify: {
    name: "database-skip-verify",
    also: [{ name: "skip-verify", of: ["kine"] }],
    placeholder: TRUTH,
    default: "false",
    help: "With one of these files: encrypt, but do not check the database server's certificate.",
    parse: parseTruth,
  },
  unsafeNoFsync: {
    name: "unsafe-no-fsync",
    of: ["etcd"],
    placeholder: TRUTH,
    default: "false",
    help:
      "Never wait for the disk on SQLite: what was acknowledged may be lost when the machine stops, though not when " +
      "the process does. A database server has a setting of its own.",
    parse: parseTruth,
  },
} satisfies FlagGroup;

/** Separated by spaces, as variables and config files have them. */
function parseBackends(text: string): BackendSource[] {
  return text.split(/\s+/).filter((one) => one !== "").map(parseBackend);
}

function parseBackend(text: string): BackendSource {
  const match = /^([a-z][a-z0-9+.-]+)=([^#]+)(?:#(.*))?$/i.exec(text);
  if (match === null) {
    throw new RangeError("expected SCHEME=URL, such as redis=https://example.org/mod.ts");
  }
  const [, scheme = "", url = "", integrity = ""] = match;
  return { scheme: scheme.toLowerCase(), url, integrity };
}

/** kine's default has the same file; SQLite's scheme alone means it. */
function parseEndpoint(text: string): string {
  return /^sqlite:?(\/\/)?$/i.test(text) ? DEFAULT_CONFIG.endpoint : parseText(text);
}

/** kine: 0 and less is no limit. Rhino asks for its own default then, for a server's connections are not free. */
function parseOpenConnections(text: string): number {
  const { max } = CONFIG_BOUNDS.maxConnections;
  const count = parseInteger(text, { min: -(2 ** 31), max: 2 ** 31 });
  return count <= 0 ? DEFAULT_CONFIG.maxConnections : Math.min(count, max);
}
