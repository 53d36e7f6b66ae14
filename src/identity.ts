/** Who this server is: an id that stays the same over restarts, and a term that grows with each opening of the store. */
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import type { Command } from "./mvcc/read_set.ts";
import type { Store } from "./mvcc/store.ts";

export const TERM_RECORD = "term";

export interface MemberNaming {
  readonly clusterId: bigint;
  readonly name: string;
  /** What tells servers of one store apart that were not given names; empty where there is one server only. */
  readonly place: string;
}

/** A member keeps its id as long as it keeps its name, or its place if it has no name of its own. */
export function memberIdOf({ clusterId, name, place }: MemberNaming): bigint {
  const text = [clusterId.toString(16), name, ...(place === "" ? [] : [place])].join("/");
  const hash = createHash("sha256").update(text).digest();
  // 0 means "no member" on the wire.
  return hash.readBigUInt64BE() || 1n;
}

/**
 * Takes part in the store: one more opening of it, told as the next Raft term. All servers of a store tell the newest.
 *
 * @param changed is told of each term from then on
 */
export async function claimTerm(store: Store, changed: (term: number) => void): Promise<number> {
  store.onCommit(({ records }) => {
    for (const { name, value } of records) {
      if (name === TERM_RECORD && value !== null) changed(parseTerm(value));
    }
  });
  return await store.submit(nextTermCommand());
}

/** The first opening answers 2, as a fresh etcd does once it has elected its leader. */
export function nextTermCommand(): Command<number> {
  return {
    bytes: 0,
    reads: (need) => need.records.add(TERM_RECORD),
    apply(view) {
      const stored = view.record(TERM_RECORD);
      const term = (stored === null ? 1 : parseTerm(stored)) + 1;
      view.setRecord(TERM_RECORD, Buffer.from(String(term)));
      return term;
    },
  };
}

function parseTerm(value: Uint8Array): number {
  return Number(Buffer.from(value).toString());
}

/** Any id but 0, which stands for none. */
export function randomId(): bigint {
  return randomBytes(8).readBigUInt64BE() || 1n;
}

/** etcd's own lease ids are positive. */
export function randomLeaseId(): bigint {
  return randomBytes(8).readBigUInt64BE() >> 1n || 1n;
}
