/** What etcd calls the requests that it times by type: those that go through its log, and ranges. */

const TYPES: Readonly<Record<string, string>> = {
  "/etcdserverpb.KV/Range": "Range",
  "/etcdserverpb.KV/Put": "Put",
  "/etcdserverpb.KV/DeleteRange": "DeleteRange",
  "/etcdserverpb.KV/Txn": "Txn",
  "/etcdserverpb.KV/Compact": "Compaction",
  "/etcdserverpb.Lease/LeaseGrant": "LeaseGrant",
  "/etcdserverpb.Lease/LeaseRevoke": "LeaseRevoke",
  "/etcdserverpb.Maintenance/Alarm": "Alarm",
};

const AUTH_PREFIX = "/etcdserverpb.Auth/";

/** `undefined` for what etcd does not time. */
export function requestType(path: string): string | undefined {
  if (!path.startsWith(AUTH_PREFIX)) return TYPES[path];
  const method = path.slice(AUTH_PREFIX.length);
  return method.startsWith("Auth") ? method : `Auth${method}`;
}
