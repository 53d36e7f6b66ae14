/** What metrics are read from. */

import type { Compactor } from "../compaction/compactor.ts";
import type { Config } from "../config.ts";
import type { Lessor } from "../lease/lessor.ts";
import type { Membership } from "../membership.ts";
import type { Store } from "../mvcc/store.ts";
import type { ClientRequests } from "../services/client_requests.ts";
import type { WatchHub } from "../watch/hub.ts";
import type { CallCounts } from "./call_counts.ts";
import type { Facts } from "./facts.ts";
import type { Labels, Sample } from "./family.ts";
import type { Recorders } from "./recorders.ts";

export interface MetricsSources {
  readonly store: Store;
  readonly hub: WatchHub;
  readonly lessor: Lessor;
  readonly compactor: Compactor;
  readonly membership: Membership;
  readonly config: Config;
  readonly clientRequests: ClientRequests;
  readonly calls: CallCounts;
  readonly recorders: Recorders;
  /** 1 until somebody turns authentication on. */
  readonly authRevision?: () => number;
  /** Milliseconds, for measuring and waiting only. */
  readonly now: () => number;
  /** Seconds since 1970. */
  readonly wallSeconds: () => number;
}

/** What families are read from: the sources, and what was asked for before this scrape. */
export interface Scrape extends MetricsSources {
  readonly facts: () => Facts;
  readonly events: ServerEvents;
}

/** What happens seldom and is kept for metrics alone. */
export interface ServerEvents {
  leaderChanges: number;
  /** Seconds since 1970; 0 for none since the start. */
  lastCompactionSeconds: number;
}

/** The one series of a family without labels; none if there is no value. */
export function one(value: number | undefined, labels: Labels = {}): Sample[] {
  return value === undefined || Number.isNaN(value) ? [] : [{ labels, value }];
}
