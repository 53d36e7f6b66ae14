/**
 * The server's metrics: from plain numbers that its parts keep to Prometheus' text. Nothing is computed until somebody
 * asks; and what must be asked of the store is asked in bounded time.
 */

import type { Exposition } from "./exposition.ts";
import type { Family } from "./family.ts";
import { type Facts, factsOf } from "./facts.ts";
import { callFamilies, grpcFamilies } from "./grpc_families.ts";
import { processFamilies, rhinoFamilies } from "./rhino_families.ts";
import {
  healthFamilies,
  identityFamilies,
  leaderFamilies,
  requestFamilies,
  settingFamilies,
} from "./server_families.ts";
import type { MetricsSources, Scrape, ServerEvents } from "./sources.ts";
import {
  compactionFamilies,
  diskFamilies,
  keyFamilies,
  leaseFamilies,
  watchFamilies,
} from "./store_families.ts";

export interface RenderedMetrics {
  readonly contentType: string;
  readonly body: string;
}

export interface Metrics {
  /** All families, as they will be told; for the documentation. */
  readonly families: readonly Family[];
  /** Whoever asks while somebody else does gets the same answer. */
  render(): Promise<RenderedMetrics>;
}

export function createMetrics(sources: MetricsSources): Metrics {
  const askFacts = factsOf(sources.store, sources.now);
  const events = watchEvents(sources);
  let facts: Facts | undefined;
  const scrape: Scrape = {
    ...sources,
    events,
    facts() {
      if (facts === undefined) throw new TypeError("metrics are read before facts are known");
      return facts;
    },
  };
  const families = familiesOf(scrape);
  let exposition: Exposition | undefined;
  let running: Promise<RenderedMetrics> | undefined;

  async function render(): Promise<RenderedMetrics> {
    // Not before somebody asks: the library takes a while to load, for which the start should not wait.
    exposition ??= (await import("./exposition.ts")).createExposition(families);
    facts = await askFacts();
    events.noteLeader();
    return { contentType: exposition.contentType, body: await exposition.text() };
  }

  return {
    families,
    render() {
      running ??= render().finally(() => running = undefined);
      return running;
    },
  };
}

/** In the order of their names, as etcd tells them. */
function familiesOf(scrape: Scrape): Family[] {
  const { calls, config } = scrape;
  return [
    ...identityFamilies(scrape),
    ...leaderFamilies(scrape),
    ...settingFamilies(scrape),
    ...requestFamilies(scrape),
    ...healthFamilies(scrape),
    ...keyFamilies(scrape),
    ...diskFamilies(scrape),
    ...compactionFamilies(scrape),
    ...watchFamilies(scrape),
    ...leaseFamilies(scrape),
    ...callFamilies(calls),
    ...grpcFamilies(calls, { isExtensive: config.metrics === "extensive" }),
    ...rhinoFamilies(scrape),
    ...processFamilies(scrape),
  ].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Notes what happens seldom. */
function watchEvents(
  { store, membership, wallSeconds }: MetricsSources,
): ServerEvents & { noteLeader(): void } {
  let { compactRevision } = store.head;
  let leader = membership.leaderId;
  const events = {
    leaderChanges: 1,
    lastCompactionSeconds: 0,
    /** The leader is a matter of who is there, and nobody tells when that changes: looked at when somebody asks. */
    noteLeader() {
      if (membership.leaderId === leader) return;
      leader = membership.leaderId;
      events.leaderChanges++;
    },
  };
  store.onCommit(({ head }) => {
    if (head.compactRevision === compactRevision) return;
    compactRevision = head.compactRevision;
    events.lastCompactionSeconds = wallSeconds();
  });
  store.onRestart(({ isOther }) => {
    if (isOther) events.leaderChanges++;
  });
  return events;
}
