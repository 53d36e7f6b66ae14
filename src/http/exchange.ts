/** One request and its answer, the same for HTTP/1.1, HTTP/2 and WebSockets. */

import { Buffer } from "node:buffer";
import type { Readable } from "node:stream";

export interface Exchange {
  readonly method: string;
  /** As it was asked for: path and query. */
  readonly target: string;
  /** What the client called this server. */
  readonly host: string;
  /** The client's address without the port, for proxies' headers. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Whether it came by TLS. */
  readonly isSecure: boolean;
  /** Common name of the certificate that the client has shown and that was verified. */
  readonly clientName: string | undefined;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Readable;
  /** Whether the connection has ended. */
  readonly isGone: boolean;
  /** Calls back once, when the client has left or all has been sent. */
  onClose(listener: () => void): void;
  /** Begins the answer. */
  respond(status: number, headers: HttpHeaders): void;
  /** Sends a part; `onTaken` is called when the connection has taken it, or never. */
  write(chunk: string, onTaken: () => void): void;
  end(chunk?: string): void;
  /** Cuts it off. */
  destroy(): void;
}

export type HttpHeaders = Readonly<Record<string, string>>;

/** The first header of that name, which is given in lower case. */
export function headerOf({ rawHeaders }: Exchange, name: string): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) return rawHeaders[i + 1];
  }
  return undefined;
}

/** All headers of that name. */
export function headersOf({ rawHeaders }: Exchange, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? "");
  }
  return values;
}

/** The same exchange, with headers that every answer has. */
export function withHeaders(exchange: Exchange, common: HttpHeaders): Exchange {
  const respond: Exchange["respond"] = (status, headers) => {
    exchange.respond(status, { ...common, ...headers });
  };
  return Object.create(exchange, { respond: { value: respond } });
}

/** A whole answer in plain text, as Go's net/http sends errors. */
export function replyText(
  exchange: Exchange,
  { status, text, headers = {} }: {
    readonly status: number;
    readonly text: string;
    readonly headers?: HttpHeaders;
  },
): void {
  const body = `${text}\n`;
  exchange.respond(status, {
    ...headers,
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Content-Length": String(Buffer.byteLength(body)),
  });
  exchange.end(body);
}

/** A whole answer. */
export function reply(
  exchange: Exchange,
  { status = 200, type, body, headers = {} }: {
    readonly status?: number;
    readonly type: string;
    readonly body: string;
    readonly headers?: HttpHeaders;
  },
): void {
  exchange.respond(status, {
    ...headers,
    "Content-Type": type,
    "Content-Length": String(Buffer.byteLength(body)),
  });
  exchange.end(body);
}

export function replyNotFound(exchange: Exchange): void {
  replyText(exchange, { status: 404, text: "404 page not found" });
}

/** Refuses another method than GET; returns whether it did. */
export function refuseUnlessGet(exchange: Exchange): boolean {
  if (exchange.method === "GET") return false;
  replyText(exchange, { status: 405, text: "Method Not Allowed", headers: { Allow: "GET" } });
  return true;
}
