/** Giving events to watchers: the one place for those that are told of a commit and those that catch up. */
import type { Watcher } from "./watcher.ts";
import type { Delivery } from "./watcher_index.ts";

export interface DeliverOptions {
  /** Up to where each watcher then has everything. */
  readonly revision: number;
  readonly onDefect: (error: unknown) => void;
}

/**
 * Offers each watcher its events. Returns the watchers whose streams were full; what they have not been given begins at
 * their `next`. A stream that throws has a defect: it ends, so that its client asks again for what it misses, and the
 * others go on. The first such error is told.
 */
export function deliver(
  deliveries: readonly Delivery[],
  { revision, onDefect }: DeliverOptions,
): Set<Watcher> {
  const refused = new Set<Watcher>();
  let isTold = false;
  for (const { batch, watchers } of deliveries) {
    for (const watcher of watchers) {
      // Its stream has ended meanwhile.
      if (watcher.state === "ended") continue;
      try {
        if (!watcher.stream.offer(watcher, batch, revision)) refused.add(watcher);
      } catch (error) {
        if (!isTold) onDefect(error);
        isTold = true;
        watcher.stream.fail();
      }
    }
  }
  return refused;
}
