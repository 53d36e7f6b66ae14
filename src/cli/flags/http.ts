/** Flags: what is served by HTTP besides gRPC. */

import { METRICS_DETAILS } from "../../config.ts";
import { parseChoice, parseList, parseTruth } from "../values.ts";
import { type FlagGroup, TRUTH } from "./flag.ts";

export const HTTP = {
  cors: {
    name: "cors",
    of: ["etcd"],
    placeholder: "ORIGIN,…",
    default: "*",
    help: "Origins whose pages may call the JSON gateway from a browser; `*` for all.",
    parse: parseListOrAny,
  },
  hostWhitelist: {
    name: "host-whitelist",
    of: ["etcd"],
    placeholder: "HOST,…",
    default: "*",
    help:
      "Host names that HTTP requests without TLS may come by, against DNS rebinding; `*` for all.",
    parse: parseListOrAny,
  },
  enableGrpcGateway: {
    name: "enable-grpc-gateway",
    of: ["etcd"],
    placeholder: TRUTH,
    default: "true",
    help: "Whether the JSON gateway is served.",
    parse: parseTruth,
  },
  metrics: {
    name: "metrics",
    of: ["etcd"],
    placeholder: METRICS_DETAILS.join("|"),
    default: "basic",
    help: "How much is measured: `extensive` adds how long each method's calls take.",
    parse: (text) => parseChoice(text, METRICS_DETAILS),
  },
} satisfies FlagGroup;

/** As etcd: an empty list allows all. */
function parseListOrAny(text: string): string[] {
  const list = parseList(text);
  return list.length === 0 ? ["*"] : list;
}
