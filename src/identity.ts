/** Who this server is: ids that stay the same over restarts, and a term that grows with each. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Command } from "./mvcc/read_set.ts";
import type { Store } from "./mvcc/store.ts";
import type { ServerIdentity } from "./services/header.ts";

const TERM_RECORD = "term";

/** Takes part in the store: one more opening of it, told as the next Raft term. */
export async function claimIdentity(store: Store, name: string): Promise<ServerIdentity> {
  const { clusterId } = store.backend;
  return {
    clusterId,
    memberId: memberIdOf(clusterId, name),
    raftTerm: await store.submit(nextTermCommand()),
  };
}

/** A member keeps its id as long as it keeps its name. */
function memberIdOf(clusterId: bigint, name: string): bigint {
  const hash = createHash("sha256").update(`${clusterId.toString(16)}/${name}`).digest();
  // 0 means "no member" on the wire.
  return hash.readBigUInt64BE() || 1n;
}

/** The first opening answers 2, as a fresh etcd does once it has elected its leader. */
function nextTermCommand(): Command<number> {
  return {
    bytes: 0,
    reads: (need) => need.records.add(TERM_RECORD),
    apply(view) {
      const stored = view.record(TERM_RECORD);
      const term = (stored === null ? 1 : Number(Buffer.from(stored).toString())) + 1;
      view.setRecord(TERM_RECORD, Buffer.from(String(term)));
      return term;
    },
  };
}
