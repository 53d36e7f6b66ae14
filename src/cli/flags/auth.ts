/** Flags: authentication. */

import { CONFIG_BOUNDS } from "../../config.ts";
import { parseDurationMs, parseInteger, parseText } from "../values.ts";
import type { FlagGroup } from "./flag.ts";

export const AUTH = {
  authToken: {
    name: "auth-token",
    of: ["etcd"],
    placeholder: "simple|jwt,…",
    default: "simple",
    help:
      "Kind of the tokens of authentication: `simple`, or `jwt,pub-key=PATH,priv-key=PATH,sign-method=NAME,ttl=DURATION`.",
    parse: parseText,
  },
  authTokenTtlMs: {
    name: "auth-token-ttl",
    of: ["etcd"],
    placeholder: "SECONDS",
    default: "300",
    help: "Time after which a simple token that nobody uses ends.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.authTokenTtlMs),
  },
  bcryptCost: {
    name: "bcrypt-cost",
    of: ["etcd"],
    placeholder: "COST",
    default: "10",
    help: "How hard a password is hashed: one more doubles the work.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.bcryptCost),
  },
} satisfies FlagGroup;
