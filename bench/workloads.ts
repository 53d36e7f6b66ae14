/** What is measured, and the bars that Rhino is to reach. */

import type { Load } from "./load.ts";
import type { ServerName } from "./servers.ts";
import type { Sizes } from "./sizes.ts";
import type { StoreName } from "./stores.ts";

/** A workload's main figure, by its name in `LoadResult`. */
export type Measure = "perSecond" | "p50Ms" | "rssMb";

type Bound = { readonly atLeast: number } | { readonly atMost: number };

/** What is asked of a workload's main figure. */
export type Bar =
  & Bound
  & (
    /** Of its ratio to a peer's. */
    | { readonly kind: "times peer"; readonly peer: ServerName }
    /** Of its ratio to Rhino's own with another workload. */
    | { readonly kind: "times workload"; readonly base: Workload }
    /** Of Rhino's own figure. */
    | { readonly kind: "value" }
  );

export interface Workload {
  readonly title: string;
  readonly measure: Measure;
  /** A store that is not named asks nothing. */
  readonly bars?: Readonly<Partial<Record<StoreName, Bar>>>;
  /** All but the last prepare. */
  readonly loads: (sizes: Sizes) => readonly Load[];
}

/** Clients in excess of this share connections, as those of one process would. */
const CONNECTIONS_MAX = 8;

/** How long watchers wait for the last event. One that does not come is an error. */
const WATCH_TIME_MS_MAX = 60_000;

const WARM_UP = "/registry/configmaps/warm-up/";
const CREATED = "/registry/configmaps/created/";
const LISTED = "/registry/configmaps/listed/";
const WATCHED = "/registry/configmaps/watched/";
const BULK = "/registry/configmaps/bulk/";

/** Measured by the way, whenever a server is started. */
export const READY: Workload = {
  title: "start to first answer",
  measure: "p50Ms",
  bars: { sqlite: { kind: "value", atMost: 1_000 } },
  loads: () => [],
};

/** In this order on one store: each uses what those before it have left there. */
export const WORKLOADS: readonly Workload[] = [
  {
    title: "create, many clients",
    measure: "perSecond",
    bars: {
      sqlite: timesEtcd({ atLeast: 0.7 }),
      postgres: timesKine({ atLeast: 6 }),
      mysql: timesKine({ atLeast: 4 }),
    },
    loads: (sizes) => [
      load("create", WARM_UP, { clients: sizes.clients, total: sizes.warmUps }),
      load("create", CREATED, { clients: sizes.clients, total: sizes.creates }),
    ],
  },
  {
    title: "update, many clients",
    measure: "perSecond",
    loads: ({ clients, creates, updates }) => [
      load("update", CREATED, { clients, total: updates, keys: creates }),
    ],
  },
  {
    title: "update, one client",
    measure: "p50Ms",
    bars: {
      sqlite: timesEtcd({ atMost: 1.3 }),
      postgres: timesKine({ atMost: 1 }),
      mysql: timesKine({ atMost: 1 }),
    },
    loads: ({ creates, singleUpdates }) => [
      // The first of a server that was busy so far; they warm it up for other work.
      load("update", CREATED, { clients: 1, total: Math.ceil(singleUpdates / 4), keys: creates }),
      load("update", CREATED, { clients: 1, total: singleUpdates, keys: creates }),
    ],
  },
  {
    title: "get, many clients",
    measure: "perSecond",
    bars: { sqlite: timesEtcd({ atLeast: 0.5 }) },
    loads: ({ clients, creates, gets }) => [
      load("get", CREATED, { clients, total: gets, keys: creates }),
    ],
  },
  {
    title: "list",
    measure: "perSecond",
    bars: {
      sqlite: timesEtcd({ atLeast: 1 }),
      postgres: timesKine({ atLeast: 2 }),
      mysql: timesKine({ atLeast: 2 }),
    },
    loads: ({ clients, listKeys, lists }) => [
      load("create", LISTED, { clients, total: listKeys }),
      // The first lists of this server; they warm it up.
      load("list", LISTED, { clients: 1, total: Math.ceil(lists / 2), keys: listKeys }),
      load("list", LISTED, { clients: 1, total: lists, keys: listKeys }),
    ],
  },
  {
    title: "paged list",
    measure: "perSecond",
    bars: { postgres: timesKine({ atLeast: 3 }), mysql: timesKine({ atLeast: 3 }) },
    loads: ({ listKeys, pagedLists }) => [
      load("pages", LISTED, { clients: 4, total: pagedLists, keys: listKeys }),
    ],
  },
  {
    title: "watch fan-out",
    measure: "perSecond",
    bars: { sqlite: timesEtcd({ atLeast: 0.5 }) },
    loads: ({ watchers, writers, watchedKeys }) => [
      {
        ...load("watch", WATCHED, { clients: writers, total: watchedKeys }),
        watchers,
        maxTimeMs: WATCH_TIME_MS_MAX,
      },
    ],
  },
];

/** On a store of its own. */
export const MEMORY: Workload = {
  title: "memory",
  measure: "rssMb",
  bars: { sqlite: { kind: "value", atMost: 350 } },
  loads: ({ clients, listKeys, memoryKeys }) => [
    load("create", LISTED, { clients, total: listKeys }),
    ...(memoryKeys > listKeys
      ? [load("create", BULK, { clients, total: memoryKeys - listKeys })]
      : []),
    load("list", LISTED, { clients: 1, total: 1, keys: listKeys }),
  ],
};

function timesEtcd(bound: Bound): Bar {
  return { kind: "times peer", peer: "etcd", ...bound };
}

function timesKine(bound: Bound): Bar {
  return { kind: "times peer", peer: "kine", ...bound };
}

interface Amount {
  readonly clients: number;
  readonly total: number;
  readonly keys?: number;
}

export function load(workload: Load["workload"], prefix: string, amount: Amount): Load {
  const connections = workload === "watch"
    ? CONNECTIONS_MAX
    : Math.min(amount.clients, CONNECTIONS_MAX);
  return { workload, prefix, connections, ...amount };
}
