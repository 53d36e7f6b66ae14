/** How much a run of the benchmark does. Each size is also a flag of bench/main.ts. */

export interface Sizes {
  /** Requests in flight in the loads with many clients. */
  readonly clients: number;
  readonly valueBytes: number;
  /** Keys created before the first figure, so that it is of a server at work and not of one that has just begun. */
  readonly warmUps: number;
  /** Keys created; those that are updated and got afterwards. */
  readonly creates: number;
  readonly updates: number;
  /** Updates by a single client. */
  readonly singleUpdates: number;
  readonly gets: number;
  /** Keys in a list. */
  readonly listKeys: number;
  readonly lists: number;
  readonly pagedLists: number;
  readonly watchers: number;
  readonly writers: number;
  /** Keys written under the watchers' eyes; each is an event for every watcher. */
  readonly watchedKeys: number;
  /** How long clients create keys through one server, and then through two on one database. */
  readonly sharedMs: number;
  /** Keys in the store when memory is measured; at least `listKeys`. */
  readonly memoryKeys: number;
}

/** What the bars are stated for. */
export const FULL_SIZES: Sizes = {
  clients: 128,
  valueBytes: 512,
  warmUps: 20_000,
  creates: 20_000,
  updates: 20_000,
  singleUpdates: 3_000,
  gets: 40_000,
  listKeys: 5_000,
  lists: 40,
  pagedLists: 20,
  watchers: 100,
  writers: 16,
  watchedKeys: 1_000,
  sharedMs: 10_000,
  memoryKeys: 100_000,
};

/** Shows within some 20 s that everything works; too short for figures that mean anything. */
export const QUICK_SIZES: Sizes = {
  ...FULL_SIZES,
  warmUps: 500,
  creates: 2_000,
  updates: 2_000,
  singleUpdates: 100,
  gets: 4_000,
  listKeys: 1_000,
  lists: 5,
  pagedLists: 3,
  watchedKeys: 100,
  sharedMs: 1_000,
  memoryKeys: 2_000,
};

/** How much a run does that looks at how the store grows. */
export interface GrowthSizes {
  readonly updates: number;
  /** That are updated again and again. */
  readonly keys: number;
}

/** Some ten minutes. */
export const FULL_GROWTH: GrowthSizes = { updates: 2_000_000, keys: 1_000 };

export const QUICK_GROWTH: GrowthSizes = { updates: 20_000, keys: 1_000 };
