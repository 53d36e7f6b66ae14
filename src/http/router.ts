/**
 * Who answers an HTTP request: the rules for browsers and hosts first, then the gateway or a page. Redirects and texts are
 * those of Go's net/http, which etcd's clients see.
 */

import { type Exchange, headerOf, replyNotFound, replyText, withHeaders } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import type { Pages } from "./pages.ts";
import { isWebSocketRequest, refuseHandshake } from "./websocket.ts";

export interface AccessOptions {
  /** Origins that browsers may call from; `*` or none at all is any. */
  readonly cors: readonly string[];
  /** Host names that requests without TLS may come by; `*` or none at all is any. */
  readonly hostWhitelist: readonly string[];
  /** Whether users are told apart, and clients must show certificates: the gateway would pass over their names. */
  readonly ignoresClientNames: () => boolean;
}

export interface RouterOptions {
  readonly pages: Pages;
  /** Undefined for none. */
  readonly gateway: Gateway | undefined;
  /** Undefined where anyone may ask, as on `--listen-metrics-urls`. */
  readonly access: AccessOptions | undefined;
  readonly onDefect: (error: unknown, path: string) => void;
}

export interface Router {
  route(exchange: Exchange): void;
  /** Whether `route` would go on with it; answers it if not. */
  admits(exchange: Exchange): boolean;
}

const GATEWAY_ROOT = "/v3/";

export function createRouter({ pages, gateway, access, onDefect }: RouterOptions): Router {
  function dispatch(exchange: Exchange, { path, query }: Target): void {
    if (redirect(exchange, { path, query, hasGateway: gateway !== undefined })) return;
    if (gateway !== undefined && path.startsWith(GATEWAY_ROOT)) {
      if (isWebSocketRequest(exchange)) refuseHandshake(exchange);
      else gateway(exchange, path);
      return;
    }
    const page = pages.get(path);
    if (page === undefined) return replyNotFound(exchange);
    Promise.try(page, exchange, new URLSearchParams(query)).catch((error) => {
      onDefect(error, path);
      if (!exchange.isGone) replyText(exchange, { status: 500, text: "Internal Server Error" });
    });
  }

  /** Undefined if it has been answered. */
  function look(exchange: Exchange): { admitted: Exchange; target: Target } | undefined {
    const target = parseTarget(exchange.target);
    if (target === undefined) {
      replyText(exchange, { status: 400, text: "400 Bad Request" });
      return undefined;
    }
    const admitted = access === undefined
      ? exchange
      : admit(exchange, { path: target.path, access });
    return admitted === undefined ? undefined : { admitted, target };
  }

  return {
    admits: (exchange) => look(exchange) !== undefined,
    route(exchange) {
      const found = look(exchange);
      if (found !== undefined) dispatch(found.admitted, found.target);
    },
  };
}

interface Target {
  readonly path: string;
  /** Without its question mark. */
  readonly query: string;
}

/** Undefined for what is no path. */
function parseTarget(target: string): Target | undefined {
  const local = target.replace(/^https?:\/\/[^/?]*/, "");
  const question = local.indexOf("?");
  const encoded = question < 0 ? local : local.slice(0, question);
  const query = question < 0 ? "" : local.slice(question + 1);
  if (encoded === "") return { path: "/", query };
  if (!encoded.startsWith("/")) return undefined;
  const old = encoded.startsWith("/v3beta/") ? `/v3/${encoded.slice(8)}` : encoded;
  try {
    // A slash within a name stays encoded: it does not part two of them.
    const names = old.split("/").map((name) => decodeURIComponent(name).replaceAll("/", "%2F"));
    return { path: names.join("/"), query };
  } catch {
    return undefined;
  }
}

/** Checks who may ask; returns undefined if it has answered already. */
function admit(
  exchange: Exchange,
  { path, access }: { readonly path: string; readonly access: AccessOptions },
): Exchange | undefined {
  if (!exchange.isSecure) {
    const host = hostName(exchange.host);
    if (!isAllowed(access.hostWhitelist, host)) {
      replyText(exchange, { status: 421, text: unknownHost(host) });
      return undefined;
    }
  } else if (
    path.startsWith(GATEWAY_ROOT) && (exchange.clientName ?? "") !== "" &&
    access.ignoresClientNames()
  ) {
    const text =
      "CommonName of client sending a request against gateway will be ignored and not used as expected";
    replyText(exchange, { status: 400, text });
    return undefined;
  }
  const open = withHeaders(exchange, corsHeaders(exchange, access.cors));
  if (exchange.method !== "OPTIONS") return open;
  open.respond(200, { "Content-Length": "0" });
  open.end();
  return undefined;
}

function isAllowed(list: readonly string[], name: string): boolean {
  return list.length === 0 || list.includes("*") || list.includes(name);
}

function corsHeaders(exchange: Exchange, cors: readonly string[]): Record<string, string> {
  const origin = isAllowed(cors, "*") ? "*" : headerOf(exchange, "origin") ?? "";
  if (!isAllowed(cors, origin)) return {};
  return {
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS, PUT, DELETE",
    "Access-Control-Allow-Origin": origin,
    "Access-Control-Allow-Headers": "accept, content-type, authorization",
  };
}

/** A host without its port. */
function hostName(host: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):[^:]*$/.exec(host);
  return match?.[1] ?? match?.[2] ?? host;
}

function unknownHost(host: string): string {
  return `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${JSON.stringify(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`;
}

/** Sends clients to the path that they meant; returns whether it did. */
function redirect(
  exchange: Exchange,
  { path, query, hasGateway }: Target & { readonly hasGateway: boolean },
): boolean {
  const clean = cleanPath(path);
  const wanted = hasGateway && clean === "/v3" ? GATEWAY_ROOT : clean;
  if (wanted === path) return false;
  const location = encodeURI(wanted).replaceAll("%25", "%") + (query === "" ? "" : `?${query}`);
  const isPage = exchange.method === "GET" || exchange.method === "HEAD";
  const link = location.replaceAll("&", "&amp;").replaceAll('"', "&#34;");
  const body = isPage ? `<a href="${link}">Temporary Redirect</a>.\n\n` : "";
  exchange.respond(307, {
    ...(isPage ? { "Content-Type": "text/html; charset=utf-8" } : {}),
    Location: location,
    "Content-Length": String(body.length),
  });
  exchange.end(body);
  return true;
}

/** Without empty names, `.` and `..`. */
function cleanPath(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  const clean = `/${names.join("/")}`;
  return path.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}
