/** Which URLs clients are told to reach this server by. They must be reachable: clients replace their own by them. */

import type { ListenUrl } from "./config.ts";

export interface ClientUrlsOptions {
  /** What the operator says; it goes before everything else. */
  readonly advertised: readonly string[];
  /** Where the server listens. A port may be known only later. */
  readonly listening: () => readonly ListenUrl[];
  readonly hostname: string;
}

/** The URLs for a client that called the server by this authority. */
export function clientUrls(options: ClientUrlsOptions, authority: string): readonly string[] {
  const { advertised, hostname } = options;
  if (advertised.length > 0) return advertised;
  const listening = options.listening();
  const isOnly = listening.filter(isEverywhere).length === 1;
  const urls = listening.map((url) => {
    if (!isEverywhere(url)) return urlText(url);
    // On all interfaces, whatever the client used has just worked for it. Some clients put other things there. Of
    // several such URLs the port tells which one it used.
    const isMeant = isAddress(authority) && (isOnly || authority.endsWith(`:${url.port}`));
    const { scheme, port } = url;
    return `${scheme}://${isMeant ? authority : addressOf({ host: hostname, port })}`;
  });
  return [...new Set(urls)];
}

/** HOST:PORT, with brackets where they are needed. */
export function addressOf({ host, port }: { host: string; port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isUnix({ scheme }: Pick<ListenUrl, "scheme">): boolean {
  return scheme === "unix" || scheme === "unixs";
}

/** As one would write it. */
export function urlText(url: ListenUrl): string {
  return `${url.scheme}://${isUnix(url) ? url.host : addressOf(url)}`;
}

function isEverywhere(url: ListenUrl): boolean {
  return !isUnix(url) && (url.host === "0.0.0.0" || url.host === "::");
}

function isAddress(authority: string): boolean {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+):\d{1,5}$/i.test(authority);
}
