// etcdctl's look at the server itself: endpoint, member, alarm, defrag and their like.

import assert from "node:assert/strict";
import { AlarmRequest_AlarmAction, AlarmType } from "../../gen/etcdserverpb/maintenance_pb.ts";
import type { Etcdctl } from "./etcdctl.ts";
import { testEtcdctl } from "./etcdctl_target.ts";

interface HashJson {
  readonly Endpoint: string;
  readonly HashKV: {
    readonly hash: number;
    readonly compact_revision: number;
    readonly hash_revision: number;
  };
}

interface StatusJson {
  readonly Endpoint: string;
  readonly Status: {
    readonly version: string;
    readonly dbSize: number;
    readonly dbSizeInUse: number;
    readonly raftIndex: number;
    readonly raftTerm: number;
    readonly raftAppliedIndex: number;
    readonly storageVersion: string;
    readonly errors?: readonly string[];
  };
}

async function hash(ctl: Etcdctl, args: readonly string[] = []): Promise<HashJson["HashKV"]> {
  const [answer] = await ctl.json<HashJson[]>(["endpoint", "hashkv", ...args]);
  assert.ok(answer);
  return answer.HashKV;
}

testEtcdctl("endpoint health: healthy", async ({ ctl, url }) => {
  const [health] = await ctl.json<{ endpoint: string; health: boolean }[]>(["endpoint", "health"]);
  assert.equal(health?.health, true);
  assert.equal(health?.endpoint, url);
  assert.match(await ctl.ok(["endpoint", "health"]), /is healthy: successfully committed proposal/);
});

testEtcdctl(
  "endpoint health: an alarm makes it unhealthy",
  { fresh: true },
  async ({ ctl, client }) => {
    const memberID = (await client.maintenance.status({})).header?.memberId ?? 0n;
    const action = AlarmRequest_AlarmAction.ACTIVATE;
    await client.maintenance.alarm({ action, memberID, alarm: AlarmType.NOSPACE });
    const { code, stdout } = await ctl.run(["endpoint", "health", "-w", "json"]);
    assert.notEqual(code, 0);
    assert.equal(JSON.parse(stdout)[0].health, false);
    assert.match(JSON.parse(stdout)[0].error, /NOSPACE/);
    // Its build decides whether etcdctl prints one blank or two, and one at the end.
    const raised = new RegExp(`^memberID:${memberID} +alarm:NOSPACE *\n$`);
    assert.match(await ctl.ok(["alarm", "list"]), raised);
    assert.match(await ctl.ok(["alarm", "disarm"]), raised);
    assert.equal(await ctl.ok(["alarm", "list"]), "");
    await ctl.ok(["endpoint", "health"]);
  },
);

testEtcdctl("endpoint status: names version, sizes and positions", async ({ ctl }) => {
  await ctl.ok(["put", "status/key", "value"]);
  const [answer] = await ctl.json<StatusJson[]>(["endpoint", "status"]);
  const status = answer?.Status;
  assert.ok(status);
  assert.equal(status.version, "3.7.1");
  assert.equal(status.storageVersion, "3.7.0");
  assert.equal(status.errors, undefined);
  for (
    const field of ["dbSize", "dbSizeInUse", "raftIndex", "raftTerm", "raftAppliedIndex"] as const
  ) {
    assert.ok(status[field] > 0, field);
  }
  // The ids have more digits than a JavaScript number.
  const text = await ctl.ok(["endpoint", "status", "-w", "json"]);
  const [, member] = /"member_id":(\d+)/.exec(text) ?? [];
  const [, leader] = /"leader":(\d+)/.exec(text) ?? [];
  assert.equal(leader, member, "the only member leads");
});

testEtcdctl(
  "endpoint hashkv: changes with the data, not with compaction",
  { fresh: true },
  async ({ ctl }) => {
    const empty = await hash(ctl);
    assert.equal(empty.compact_revision, -1);
    assert.equal(empty.hash_revision, 1);
    for (const value of ["1", "2", "3"]) await ctl.ok(["put", "hash/key", value]);
    const full = await hash(ctl);
    assert.equal(full.hash_revision, 4);
    assert.notEqual(full.hash, empty.hash);
    assert.deepEqual(await hash(ctl, ["--rev=4"]), full);
    await ctl.ok(["compaction", "4", "--physical"]);
    assert.equal((await hash(ctl, ["--rev=4"])).hash, full.hash);
    assert.match(
      await ctl.fails(["endpoint", "hashkv", "--rev=3"]),
      /etcdserver: mvcc: required revision has been compacted/,
    );
  },
);

testEtcdctl("member list: the member started, with URLs for clients", async ({ ctl, url }) => {
  const line = (await ctl.ok(["member", "list"])).trim();
  const [id, state, name, , clientUrls, learner] = line.split(", ");
  assert.match(id ?? "", /^[0-9a-f]+$/);
  assert.equal(state, "started");
  assert.notEqual(name, "");
  assert.equal(learner, "false");
  assert.ok(clientUrls?.split(",").includes(url), line);
});

testEtcdctl("endpoint status --cluster: reaches every member", async ({ ctl }) => {
  const answers = await ctl.json<StatusJson[]>(["endpoint", "status", "--cluster"]);
  assert.equal(answers.length, 1);
  assert.equal(answers[0]?.Status.version, "3.7.1");
});

testEtcdctl("member remove, promote, update: an unknown member is an error", async ({ ctl }) => {
  for (
    const args of [
      ["member", "remove", "1234"],
      ["member", "promote", "1234"],
      ["member", "update", "1234", "--peer-urls=http://127.0.0.1:1"],
    ]
  ) {
    assert.match(await ctl.fails(args), /etcdserver: member not found/, args.join(" "));
  }
});

testEtcdctl("alarm list and disarm: nothing where there is none", async ({ ctl }) => {
  assert.equal(await ctl.ok(["alarm", "list"]), "");
  assert.equal(await ctl.ok(["alarm", "disarm"]), "");
});

testEtcdctl("defrag: succeeds", async ({ ctl }) => {
  await ctl.ok(["put", "defrag/key", "value"]);
  assert.match(await ctl.ok(["defrag"]), /Finished defragmenting etcd member/);
  assert.match(await ctl.ok(["defrag", "--cluster"]), /Finished defragmenting etcd member/);
  assert.equal(await ctl.ok(["get", "defrag/key", "--print-value-only"]), "value\n");
});

testEtcdctl("move-leader: there is no one else to lead", async ({ ctl }) => {
  assert.match(await ctl.fails(["move-leader", "1234"]), /etcdserver: bad leader transferee/);
});

testEtcdctl("downgrade: one minor version down, and no further", async ({ ctl }) => {
  assert.equal(
    await ctl.ok(["downgrade", "validate", "3.6"]),
    "Downgrade validate success, cluster version 3.7\n",
  );
  for (const version of ["3.5", "3.7", "4.0"]) {
    assert.match(
      await ctl.fails(["downgrade", "validate", version]),
      /etcdserver: invalid downgrade target version/,
      version,
    );
  }
});

testEtcdctl("check perf: passes at the smallest load", {
  fresh: true,
  ignored: Deno.env.get("RHINO_TEST_SLOW") === undefined
    ? "etcdctl runs it for a minute; RHINO_TEST_SLOW=1 runs it"
    : undefined,
}, async ({ ctl }) => {
  const output = await ctl.ok(["check", "perf", "--load=s"], { timeoutMs: 180_000 });
  assert.match(output, /^PASS$/m);
});
