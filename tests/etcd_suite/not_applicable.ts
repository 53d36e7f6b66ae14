/**
 * What of etcd's own tests is not for Rhino, each with the reason. A test that is listed and passes after all, or is there
 * no more, fails the run.
 */

import type { TargetName } from "../support/targets.ts";
import type { SuiteTarget } from "./bin_dir.ts";

export interface NotApplicable {
  /** A test, or all that is below it; `*` stands for any text. */
  readonly tests: string;
  readonly reason: string;
  /** Where it holds; everywhere if it is left out. */
  readonly on?: readonly TargetName[];
}

const SEVERAL = "several servers cannot share a SQLite file";
const MEMBERS = "the members are the servers that run; none is added or removed by a call";
const GO_LOG = "reads what Go's HTTP/2 library logs of each header";
const SMALL_QUOTA = "an empty database is larger than its quota of 52 KiB";
const QUORUM = "servers of a database need no quorum: one of three serves";

export const NOT_APPLICABLE: readonly NotApplicable[] = [
  { tests: "TestAuthority", reason: GO_LOG },
  { tests: "TestMemberAdd", reason: MEMBERS },
  { tests: "TestAuthMemberAdd", reason: MEMBERS },
  { tests: "TestAuthMemberRemove", reason: MEMBERS },
  { tests: "TestMemberRemove/*/Peer*", reason: MEMBERS, on: ["postgres"] },
  { tests: "TestAlarm", reason: SMALL_QUOTA, on: ["postgres"] },
  { tests: "TestKVGetNoQuorum/Linearizable", reason: QUORUM, on: ["postgres"] },
  // Without a word about its size, a cluster has three members.
  { tests: "*/PeerTLS_and_ClientTLS", reason: SEVERAL, on: ["sqlite"] },
  { tests: "*/PeerAutoTLS_and_ClientAutoTLS", reason: SEVERAL, on: ["sqlite"] },
  { tests: "TestCompact", reason: SEVERAL, on: ["sqlite"] },
  { tests: "TestDefrag*", reason: SEVERAL, on: ["sqlite"] },
  { tests: "TestEndpoint*", reason: SEVERAL, on: ["sqlite"] },
  { tests: "TestHashKVWith*", reason: SEVERAL, on: ["sqlite"] },
  { tests: "TestStatusWith*", reason: SEVERAL, on: ["sqlite"] },
  { tests: "TestKVGetNoQuorum", reason: SEVERAL, on: ["sqlite"] },
  { tests: "TestWaitLeader_MemberStop", reason: SEVERAL, on: ["sqlite"] },
];

/** The entries that hold for a target. */
export function entriesFor(target: SuiteTarget): NotApplicable[] {
  // On etcd all of etcd's tests apply.
  if (target === "etcd") return [];
  const like = target === "kine" ? "sqlite" : target;
  return NOT_APPLICABLE.filter(({ on }) => on === undefined || on.includes(like));
}

/** The entry that names the test. */
export function entryOf(
  entries: readonly NotApplicable[],
  name: string,
): NotApplicable | undefined {
  return entries.find(({ tests }) => isNamed(tests, name));
}

function isNamed(tests: string, name: string): boolean {
  const pattern = tests.split("*").map(RegExp.escape).join(".*");
  return new RegExp(`^${pattern}(/.*)?$`).test(name);
}
