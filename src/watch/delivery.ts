/** Giving events to watchers: the one place for those that are told of a commit and those that catch up. */
import type { Watcher } from "./watcher.ts";
import type { Delivery } from "./watcher_index.ts";

/**
 * Offers each watcher its events, after which it has everything up to `revision`. Returns the watchers whose streams were
 * full; they have been given nothing.
 */
export function deliver(deliveries: readonly Delivery[], revision: number): Set<Watcher> {
  const refused = new Set<Watcher>();
  for (const { batch, watchers } of deliveries) {
    for (const watcher of watchers) {
      if (!watcher.stream.offer(watcher, batch, revision)) refused.add(watcher);
    }
  }
  return refused;
}
