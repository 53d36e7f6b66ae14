/** What this server knows of its own health, for /health, /livez and /readyz; users and permissions do not matter here. */

import { AlarmType } from "../../gen/etcdserverpb/maintenance_pb.ts";
import { REQUEST_TIMEOUT_MS } from "../limits.ts";
import { keyRange } from "../mvcc/key_range.ts";
import type { Store } from "../mvcc/store.ts";

const ANY_KEY: Uint8Array = new Uint8Array(1);

/** What etcd reads to see whether it can. */
const ANY_RANGE = {
  kind: "range",
  range: keyRange(ANY_KEY, ANY_KEY),
  revision: 0,
  limit: 1,
  sortOrder: 0,
  sortTarget: 0,
  keysOnly: true,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
} as const;

export function healthChecks(store: Store) {
  return {
    alarms: () => store.alarms.list(AlarmType.NONE).map(({ alarm }) => AlarmType[alarm] ?? ""),
    // The store leads; whether it can be reached, reading tells.
    hasLeader: () => true,
    async read({ serializable }: { readonly serializable: boolean }): Promise<void> {
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      const { promise: timeout, reject } = Promise.withResolvers<never>();
      const onTimeout = () => reject(new Error("context deadline exceeded"));
      signal.addEventListener("abort", onTimeout);
      try {
        const reading = store.reader.range({ ...ANY_RANGE, serializable }, { signal });
        await Promise.race([reading, timeout]);
      } finally {
        signal.removeEventListener("abort", onTimeout);
      }
    },
  };
}
