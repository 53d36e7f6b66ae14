/**
 * Tests of what lies above the stores: connections, HTTP, TLS, users, and how clients speak. Where the data lies is all the
 * same to them, so a run with several targets tries them on one, and the time goes into what differs.
 */

import type { TargetName } from "./targets.ts";

/** Files of tests/services and tests/clients, without `_test.ts`. */
const PROTOCOL_FILES: ReadonlySet<string> = new Set([
  "services/auth_admin",
  "services/auth_every_call",
  "services/auth_jwt",
  "services/concurrent_streams",
  "services/connection",
  "services/errors",
  "services/gateway_json",
  "services/gateway_stream",
  "services/health",
  "services/http",
  "services/http_packets",
  "services/keepalive",
  "services/listeners",
  "services/lock_auth",
  "services/metrics",
  "services/reflection",
  "services/tls",
  "clients/etcd3_auth",
  "clients/etcd3",
  "clients/etcdctl_auth",
  "clients/etcdctl_kv",
  "clients/etcdctl_lease",
  "clients/etcdctl_lock",
  "clients/etcdctl_tls",
  "clients/etcdctl_watch",
  "clients/python",
]);

/** The targets of the run that a test file is for. */
export function targetsFor(file: string, targets: readonly TargetName[]): readonly TargetName[] {
  const [, name = ""] = /tests\/(\w+\/\w+)_test\.ts$/.exec(file) ?? [];
  if (!PROTOCOL_FILES.has(name)) return targets;
  return targets.includes("sqlite") ? ["sqlite"] : targets.slice(0, 1);
}
