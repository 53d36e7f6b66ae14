// Python's clients: etcd3 over gRPC, and etcd3gw, which speaks JSON to the gateway. The programs are in python/.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  serviceTest,
  type ServiceTestContext,
  type ServiceTestOptions,
} from "../support/service_case.ts";
import { pythonBin } from "./python/python_environment.ts";
import { whyNoPython } from "../support/python_environment.ts";

/** The slowest part waits a second for a lock; the rest is asking. */
const PROGRAM_MS_MAX = 60_000;

const WHY_NO_PYTHON = await whyNoPython();

interface PythonTest extends ServiceTestOptions {
  readonly client: "etcd3" | "etcd3gw";
  /** The function of the program. */
  readonly part: string;
  /** What it finds. */
  readonly found: unknown;
}

function testPython(name: string, { client, part, found, ...options }: PythonTest): void {
  if (WHY_NO_PYTHON !== undefined) {
    Deno.test({ name: `${client} ${name} (ignored: ${WHY_NO_PYTHON})`, ignore: true, fn() {} });
    return;
  }
  // Each begins with an empty store, and compacts or protects it as it likes.
  serviceTest(`${client} ${name}`, { fresh: true, ...options }, async (context) => {
    assert.deepEqual(await runPart(context, { client, part }), found);
  });
}

async function runPart(
  { endpoint }: ServiceTestContext,
  { client, part }: Pick<PythonTest, "client" | "part">,
): Promise<unknown> {
  const program = fileURLToPath(new URL(`python/${client}_client.py`, import.meta.url));
  const result = await new Deno.Command(`${await pythonBin()}/python`, {
    args: [program, endpoint.address, part],
    stdin: "null",
    signal: AbortSignal.timeout(PROGRAM_MS_MAX),
  }).output();
  const decoder = new TextDecoder();
  assert.ok(result.success, decoder.decode(result.stderr));
  return JSON.parse(decoder.decode(result.stdout))[part];
}

testPython("puts, gets, replaces and deletes keys", {
  client: "etcd3",
  part: "keys",
  found: {
    previous: "1",
    value: "3",
    version: 2,
    missing: null,
    prefix: [["k/b", "2"], ["k/a", "3"]],
    range: [["k/a", "3"]],
    keys_only: [["k/a", ""], ["k/b", ""]],
    created: false,
    exchanged: true,
    not_exchanged: false,
    deleted: true,
    nothing_deleted: false,
    deleted_below: 1,
  },
});

testPython("compares and changes in one transaction", {
  client: "etcd3",
  part: "transactions",
  found: { done: true, read: [["t/a", "1"]], failed: false, left: [["t/b", "2"]] },
});

testPython("grants, refreshes and revokes a lease", {
  client: "etcd3",
  part: "leases",
  found: { granted: 60, refreshed: 60, keys: ["l/a"], after_revoke: null, ttl_after_revoke: -1 },
});

testPython("locks, and waits for a lock", {
  client: "etcd3",
  part: "locks",
  found: { first: true, second_waits: false, is_acquired: true, released: true, second: true },
});

testPython("watches a prefix, and a key from the past on", {
  client: "etcd3",
  part: "watches",
  found: {
    seen: [["PutEvent", "w/a", "1"], ["PutEvent", "w/b", "2"], ["DeleteEvent", "w/a", ""]],
    from_the_past: "2",
  },
});

testPython("lists members and alarms, compacts, defragments, saves a snapshot", {
  client: "etcd3",
  part: "maintenance",
  found: { members: 1, is_leader: true, version: "3.7.1", alarms: 0, snapshot_is_whole: true },
});

testPython("logs in, and is refused what it may not", {
  client: "etcd3",
  part: "authentication",
  found: {
    without: "etcdserver: user name is empty",
    wrong_password: "etcdserver: authentication failed, invalid user ID or password",
    as_root: 2,
    disabled: "1",
  },
});

testPython("puts, gets, replaces and deletes keys", {
  client: "etcd3gw",
  part: "keys",
  found: {
    path: "/v3/",
    value: "1",
    version: "1",
    missing: [],
    prefix: [["k/b", "2"], ["k/a", "1"]],
    created: false,
    exchanged: true,
    not_exchanged: false,
    deleted: true,
    nothing_deleted: false,
    deleted_below: true,
    left: [],
  },
});

testPython("compares and changes in one transaction", {
  client: "etcd3gw",
  part: "transactions",
  found: { done: true, failed: false, read: "1", count: "1" },
});

testPython("grants, refreshes and revokes a lease", {
  client: "etcd3gw",
  part: "leases",
  found: { ttl: true, refreshed: 60, keys: ["l/a"], after_revoke: [] },
});

testPython("locks", {
  client: "etcd3gw",
  part: "locks",
  found: {
    first: true,
    second: false,
    is_acquired: true,
    refreshed: 30,
    released: true,
    second_after: true,
  },
});

testPython("watches a prefix from a revision on", {
  client: "etcd3gw",
  part: "watches",
  found: { seen: [["PUT", "w/a", "1"], ["PUT", "w/b", "2"], ["DELETE", "w/a", ""]] },
});

testPython("lists members, and asks for the status", {
  client: "etcd3gw",
  part: "maintenance",
  found: { members: 1, is_leader: true, version: "3.7.1" },
});

testPython("raises errors with their texts", {
  client: "etcd3gw",
  part: "errors",
  found: {
    unknown_lease: ["Etcd3Exception", 5, "etcdserver: requested lease not found"],
    empty_key: ["Etcd3Exception", 3, "etcdserver: key is not provided"],
    no_such_path: ["Etcd3Exception", 5, "Not Found"],
  },
});
