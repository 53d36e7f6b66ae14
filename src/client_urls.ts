/** Which URLs clients are told to reach this server by. They must be reachable: clients replace their own by them. */

export interface ClientUrlsOptions {
  /** What the operator says; it goes before everything else. */
  readonly advertised: readonly string[];
  /** Where the server listens. */
  readonly listening: { readonly host: string; readonly port: number };
  readonly hostname: string;
}

/** The URLs for a client that called the server by this authority. */
export function clientUrls(options: ClientUrlsOptions, authority: string): readonly string[] {
  const { advertised, listening: { host, port }, hostname } = options;
  if (advertised.length > 0) return advertised;
  if (!isEverywhere(host)) return [`http://${addressOf({ host, port })}`];
  // On all interfaces, whatever the client used has just worked for it. Some clients put other things there.
  return [`http://${isAddress(authority) ? authority : addressOf({ host: hostname, port })}`];
}

/** HOST:PORT, with brackets where they are needed. */
export function addressOf({ host, port }: { host: string; port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function isAddress(authority: string): boolean {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+):\d{1,5}$/i.test(authority);
}
