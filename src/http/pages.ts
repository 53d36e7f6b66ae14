/** What is served besides the gateway, by path. */

import { type Exchange, refuseUnlessGet, reply } from "./exchange.ts";
import { healthPages, type HealthPagesOptions } from "./health_pages.ts";

/** Answers one request. */
export type Page = (exchange: Exchange, query: URLSearchParams) => Promise<void> | void;

/** Path → page; a path that is not there is not found. */
export type Pages = ReadonlyMap<string, Page>;

export interface MetricsText {
  readonly contentType: string;
  readonly body: string;
}

export interface PagesOptions extends HealthPagesOptions {
  /** Renders the metrics; undefined for no such page. */
  readonly metrics: (() => Promise<MetricsText>) | undefined;
  readonly versions: () => Versions;
}

export interface Versions {
  readonly server: string;
  readonly cluster: string;
  readonly storage: string;
}

/** What `--listen-metrics-urls` serve. */
export function metricsPages(options: PagesOptions): Pages {
  const { metrics } = options;
  const pages = new Map<string, Page>(healthPages(options));
  if (metrics !== undefined) pages.set("/metrics", (exchange) => showMetrics(exchange, metrics));
  return pages;
}

/** What clients are served. */
export function clientPages(options: PagesOptions): Pages {
  return new Map<string, Page>([
    ...metricsPages(options),
    ["/version", (exchange) => showVersion(exchange, options.versions())],
    ["/debug/vars", showVars],
  ]);
}

/** As in etcd, the method does not matter. */
async function showMetrics(
  exchange: Exchange,
  render: () => Promise<MetricsText>,
): Promise<void> {
  const { contentType, body } = await render();
  reply(exchange, { type: contentType, body });
}

function showVersion(exchange: Exchange, { server, cluster, storage }: Versions): void {
  if (refuseUnlessGet(exchange)) return;
  const body = JSON.stringify({ etcdserver: server, etcdcluster: cluster, storage });
  reply(exchange, { type: "application/json", body });
}

/** Go's expvar, as far as it has a meaning here. The command line may hold passwords, so it is left out. */
function showVars(exchange: Exchange): void {
  if (refuseUnlessGet(exchange)) return;
  const { rss, heapTotal, heapUsed, external } = Deno.memoryUsage();
  const memory = {
    Alloc: heapUsed + external,
    Sys: rss,
    HeapAlloc: heapUsed,
    HeapSys: heapTotal,
    HeapIdle: heapTotal - heapUsed,
    HeapInuse: heapUsed,
  };
  const body = `{\n"cmdline": ["rhino"],\n"memstats": ${JSON.stringify(memory)}\n}\n`;
  reply(exchange, { type: "application/json; charset=utf-8", body });
}
