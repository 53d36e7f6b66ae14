/** Flags: who the server is, and where clients reach it. */

import { CONFIG_BOUNDS } from "../../config.ts";
import {
  parseClientUrls,
  parseDurationMs,
  parseInteger,
  parseListenUrls,
  parseText,
  parseTruth,
} from "../values.ts";
import { DURATION, type FlagGroup, TRUTH } from "./flag.ts";

export const LISTENING = {
  name: {
    name: "name",
    of: ["etcd"],
    placeholder: "NAME",
    default: "default",
    help:
      "This member's name in MemberList. Its id follows from it: servers that share a database need a name each, or else " +
      "are told apart by host and port. Without an endpoint and a data folder, the data is in `NAME.etcd/rhino.db`.",
    parse: parseText,
  },
  listenClientUrls: {
    name: "listen-client-urls",
    of: ["etcd"],
    also: [{ name: "listen-address", of: ["kine"] }],
    placeholder: "URL,…",
    default: "0.0.0.0:2379",
    help:
      "Where clients connect: `http://HOST:PORT`, `https://HOST:PORT`, `unix://PATH`, or `HOST:PORT`, which is https where " +
      "there is a certificate. Port 0 takes a free one; the log tells which. A server that is started as etcd is, with " +
      "`--data-dir`, `--name` or `--config-file` and without `--endpoint`, listens on `localhost:2379` unless told otherwise.",
    parse: parseListenUrls,
  },
  listenClientHttpUrls: {
    name: "listen-client-http-urls",
    of: ["etcd"],
    placeholder: "URL,…",
    default: "",
    help:
      "Where HTTP alone is served: the JSON gateway, health, metrics. Where it is given, `--listen-client-urls` serves " +
      "gRPC alone.",
    parse: parseListenUrls,
  },
  listenMetricsUrls: {
    name: "listen-metrics-urls",
    of: ["etcd"],
    placeholder: "URL,…",
    default: "",
    help:
      "Where `/metrics` and `/health` are served besides, without asking for a client's certificate.",
    parse: parseListenUrls,
  },
  advertiseClientUrls: {
    name: "advertise-client-urls",
    of: ["etcd"],
    placeholder: "URL,…",
    default: "",
    help:
      "The client URLs that MemberList tells. Without it: the address that the server listens on; if that is " +
      "all interfaces, the one by which the asking client called it. etcd asks for it along with `--listen-client-urls`; " +
      "Rhino does not.",
    parse: parseClientUrls,
  },
  metricsBindAddress: {
    name: "metrics-bind-address",
    of: ["kine"],
    placeholder: "HOST:PORT",
    default: "",
    help:
      "One more of `--listen-metrics-urls`, as kine names it; `0` for none. kine's default, `:8080`, is not Rhino's.",
    parse: parseMetricsAddress,
  },
  metricsIgnoreTlsConfig: {
    name: "metrics-ignore-tls-config",
    of: ["kine"],
    placeholder: TRUTH,
    default: "false",
    help: "Whether `--metrics-bind-address` is plain HTTP although the server has a certificate.",
    parse: parseTruth,
  },
  socketReusePort: {
    name: "socket-reuse-port",
    of: ["etcd"],
    placeholder: TRUTH,
    default: "false",
    help: "Lets several processes listen on one port (`SO_REUSEPORT`).",
    parse: parseTruth,
  },
  maxConcurrentStreams: {
    name: "max-concurrent-streams",
    of: ["etcd"],
    placeholder: "COUNT",
    default: "4294967295",
    help: "Most calls under way on one connection.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.maxConcurrentStreams),
  },
  grpcKeepaliveMinTimeMs: {
    name: "grpc-keepalive-min-time",
    of: ["etcd"],
    placeholder: DURATION,
    default: "5s",
    help: "Least time between two pings of a client; one that pings more often is cut off.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.grpcKeepaliveMinTimeMs),
  },
  grpcKeepaliveIntervalMs: {
    name: "grpc-keepalive-interval",
    of: ["etcd"],
    placeholder: DURATION,
    default: "2h",
    help: "Time after which a silent client is pinged; 0 for never.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.grpcKeepaliveIntervalMs),
  },
  grpcKeepaliveTimeoutMs: {
    name: "grpc-keepalive-timeout",
    of: ["etcd"],
    placeholder: DURATION,
    default: "20s",
    help: "Time that its answer may take; then the connection is closed.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.grpcKeepaliveTimeoutMs),
  },
} satisfies FlagGroup;

function parseMetricsAddress(text: string): string {
  if (text === "0") return "";
  parseListenUrls(text);
  return text;
}
