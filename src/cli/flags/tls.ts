/** Flags: TLS between clients and the server. */

import { CONFIG_BOUNDS } from "../../config.ts";
import { parseChoice, parseInteger, parseList, parseText, parseTruth } from "../values.ts";
import { type FlagGroup, TRUTH } from "./flag.ts";

export const TLS = {
  certFile: {
    name: "cert-file",
    of: ["etcd"],
    also: [{ name: "server-cert-file", of: ["kine"] }],
    placeholder: "PATH",
    default: "",
    help:
      "Certificate of the server and those between it and its authority, PEM. Read again when the file changes. " +
      "In kine's command lines it is the database's; see `--database-cert-file`.",
    parse: parseText,
  },
  keyFile: {
    name: "key-file",
    of: ["etcd"],
    also: [{ name: "server-key-file", of: ["kine"] }],
    placeholder: "PATH",
    default: "",
    help: "Its key, PEM.",
    parse: parseText,
  },
  trustedCaFile: {
    name: "trusted-ca-file",
    of: ["etcd", "kine"],
    placeholder: "PATH",
    default: "",
    help:
      "Authority of the clients' certificates, PEM. With it, clients must show one, as with `--client-cert-auth`.",
    parse: parseText,
  },
  clientCertAuth: {
    name: "client-cert-auth",
    of: ["etcd"],
    placeholder: TRUTH,
    default: "false",
    help:
      "Whether clients must show a certificate. Where authentication is on, its common name is the user's.",
    parse: parseTruth,
  },
  clientCrlFile: {
    name: "client-crl-file",
    of: ["etcd"],
    placeholder: "PATH",
    default: "",
    help: "List of certificates that their authority has revoked, PEM.",
    parse: parseText,
  },
  clientCertAllowedHostnames: {
    name: "client-cert-allowed-hostname",
    of: ["etcd"],
    placeholder: "NAME,…",
    default: "",
    help: "Host names of which a client's certificate must hold one.",
    parse: parseList,
  },
  autoTls: {
    name: "auto-tls",
    of: ["etcd"],
    placeholder: TRUTH,
    default: "false",
    help: "Makes a certificate where none is given. Clients cannot check it.",
    parse: parseTruth,
  },
  selfSignedCertValidityYears: {
    name: "self-signed-cert-validity",
    of: ["etcd"],
    placeholder: "YEARS",
    default: "1",
    help: "How long such a certificate is valid.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.selfSignedCertValidityYears),
  },
  cipherSuites: {
    name: "cipher-suites",
    of: ["etcd"],
    placeholder: "NAME,…",
    default: "",
    help: "Cipher suites up to TLS 1.2 that are offered, by Go's names.",
    parse: parseList,
  },
  tlsMinVersion: {
    name: "tls-min-version",
    of: ["etcd"],
    placeholder: "TLS1.2|TLS1.3",
    default: "TLS1.2",
    help: "Lowest TLS version that is spoken.",
    parse: (text) => parseChoice(text, ["TLS1.2", "TLS1.3"]),
  },
  tlsMaxVersion: {
    name: "tls-max-version",
    of: ["etcd"],
    placeholder: "TLS1.2|TLS1.3",
    default: "",
    help: "Highest TLS version that is spoken; without it, the newest.",
    parse: (text) => parseChoice(text, ["TLS1.2", "TLS1.3"]),
  },
} satisfies FlagGroup;
