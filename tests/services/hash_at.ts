// HashKV's answer as plain data, to compare whole answers with one another.

import type { EtcdClient } from "../support/etcd_client.ts";
import { revisionOf } from "../support/readable.ts";

export interface Hash {
  readonly hash: number;
  readonly compactRevision: bigint;
  readonly hashRevision: bigint;
  readonly revision: bigint;
}

/** The hash of the history up to a revision; 0 for all of it. */
export async function hashAt(client: EtcdClient, revision: bigint | number = 0): Promise<Hash> {
  const answer = await client.maintenance.hashKV({ revision });
  const { hash, compactRevision, hashRevision } = answer;
  return { hash, compactRevision, hashRevision, revision: revisionOf(answer) };
}
