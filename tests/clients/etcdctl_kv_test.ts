// etcdctl's key commands: put, get with its options, del, txn, compaction.

import assert from "node:assert/strict";
import { testEtcdctl } from "./etcdctl_target.ts";

interface KeyValueJson {
  readonly key: string;
  readonly value?: string;
  readonly create_revision: number;
  readonly mod_revision: number;
  readonly version: number;
}

interface RangeJson {
  readonly header: { readonly revision: number };
  readonly kvs?: readonly KeyValueJson[];
  readonly count?: number;
  readonly more?: boolean;
}

/** What etcdctl prints for the keys, without the values. */
function keysOf(output: string): string[] {
  return output.split("\n").filter((line) => line !== "");
}

function revisionOf(range: RangeJson): number {
  return range.header.revision;
}

testEtcdctl("put and get: the value comes back, with its revisions as JSON", async ({ ctl }) => {
  assert.equal(await ctl.ok(["put", "kv/one", "first"]), "OK\n");
  assert.equal(await ctl.ok(["put", "kv/one", "second"]), "OK\n");
  assert.equal(await ctl.ok(["get", "kv/one"]), "kv/one\nsecond\n");
  assert.equal(await ctl.ok(["get", "kv/one", "--print-value-only"]), "second\n");
  const range = await ctl.json<RangeJson>(["get", "kv/one"]);
  const [kv] = range.kvs ?? [];
  assert.ok(kv);
  assert.equal(atob(kv.key), "kv/one");
  assert.equal(atob(kv.value ?? ""), "second");
  assert.equal(kv.version, 2);
  assert.equal(kv.mod_revision, kv.create_revision + 1);
  assert.equal(kv.mod_revision, revisionOf(range));
  assert.equal(range.count, 1);
});

testEtcdctl("put: reads the value from stdin and gives the previous one", async ({ ctl }) => {
  await ctl.ok(["put", "stdin/key"], { stdin: "from stdin" });
  assert.equal(
    await ctl.ok(["put", "stdin/key", "new", "--prev-kv"]),
    "OK\nstdin/key\nfrom stdin\n",
  );
});

testEtcdctl("put: --ignore-value keeps the value and needs the key", async ({ ctl }) => {
  await ctl.ok(["put", "ignore/value", "kept"]);
  await ctl.ok(["put", "ignore/value", "--ignore-value"]);
  assert.equal(await ctl.ok(["get", "ignore/value", "--print-value-only"]), "kept\n");
  assert.match(
    await ctl.fails(["put", "ignore/absent", "--ignore-value"]),
    /etcdserver: key not found/,
  );
});

testEtcdctl("get: -w fields names every field", async ({ ctl }) => {
  await ctl.ok(["put", "fields/key", "value"]);
  const fields = await ctl.ok(["get", "fields/key", "-w", "fields"]);
  for (
    const line of [
      /^"ClusterID" : [1-9]\d*$/m,
      /^"MemberID" : [1-9]\d*$/m,
      /^"Revision" : [1-9]\d*$/m,
      /^"RaftTerm" : [1-9]\d*$/m,
      /^"Key" : "fields\/key"$/m,
      /^"CreateRevision" : [1-9]\d*$/m,
      /^"ModRevision" : [1-9]\d*$/m,
      /^"Version" : 1$/m,
      /^"Value" : "value"$/m,
      /^"Lease" : 0$/m,
      /^"More" : false$/m,
      /^"Count" : 1$/m,
    ]
  ) {
    assert.match(fields, line);
  }
});

testEtcdctl(
  "get: --prefix, a range and --from-key choose keys by their bytes",
  { fresh: true },
  async ({ ctl }) => {
    for (const key of ["range/a", "range/b", "range/b/1", "range0", "RANGE/A", "range%"]) {
      await ctl.ok(["put", key, `value of ${key}`]);
    }
    const keysOnly = ["--keys-only"];
    assert.deepEqual(keysOf(await ctl.ok(["get", "range/", "--prefix", ...keysOnly])), [
      "range/a",
      "range/b",
      "range/b/1",
    ]);
    assert.deepEqual(keysOf(await ctl.ok(["get", "range/a", "range/b", ...keysOnly])), ["range/a"]);
    assert.deepEqual(keysOf(await ctl.ok(["get", "range/b/", "--from-key", ...keysOnly])), [
      "range/b/1",
      "range0",
    ]);
    assert.deepEqual(keysOf(await ctl.ok(["get", "", "--prefix", ...keysOnly])), [
      "RANGE/A",
      "range%",
      "range/a",
      "range/b",
      "range/b/1",
      "range0",
    ]);
    assert.equal(keysOf(await ctl.ok(["get", "", "--from-key", ...keysOnly])).length, 6);
  },
);

testEtcdctl("get: --limit cuts and says so, --count-only counts all", async ({ ctl }) => {
  for (const name of ["a", "b", "c"]) await ctl.ok(["put", `limit/${name}`, name]);
  const range = await ctl.json<RangeJson>(["get", "limit/", "--prefix", "--limit=2"]);
  assert.equal(range.kvs?.length, 2);
  assert.equal(range.more, true);
  assert.equal(range.count, 3);
  const count = await ctl.ok(["get", "limit/", "--prefix", "--count-only", "-w", "fields"]);
  assert.match(count, /^"Count" : 3$/m);
  assert.doesNotMatch(count, /"Key"/);
});

testEtcdctl(
  "get: --rev reads the past, and what is gone is an error",
  { fresh: true },
  async ({ ctl }) => {
    await ctl.ok(["put", "rev/key", "old"]);
    const old = revisionOf(await ctl.json<RangeJson>(["get", "rev/key"]));
    await ctl.ok(["put", "rev/key", "new"]);
    assert.equal(
      await ctl.ok(["get", "rev/key", `--rev=${old}`, "--print-value-only"]),
      "old\n",
    );
    assert.match(
      await ctl.fails(["get", "rev/key", `--rev=${old + 1_000}`]),
      /etcdserver: mvcc: required revision is a future revision/,
    );
    assert.equal(await ctl.ok(["compaction", `${old + 1}`]), `compacted revision ${old + 1}\n`);
    assert.match(
      await ctl.fails(["get", "rev/key", `--rev=${old}`]),
      /etcdserver: mvcc: required revision has been compacted/,
    );
  },
);

testEtcdctl("get: --sort-by and --order sort by every target", async ({ ctl }) => {
  // Creation order b, a, c; the newest change is b's; versions are a 2, b 3, c 1.
  for (const [name, value] of [["b", "2"], ["a", "3"], ["c", "1"], ["a", "3"], ["b", "2"]]) {
    await ctl.ok(["put", `sort/${name}`, `${value}`]);
  }
  await ctl.ok(["put", "sort/b", "2"]);
  const orders = {
    KEY: ["sort/a", "sort/b", "sort/c"],
    VERSION: ["sort/c", "sort/a", "sort/b"],
    CREATE: ["sort/b", "sort/a", "sort/c"],
    MODIFY: ["sort/c", "sort/a", "sort/b"],
    VALUE: ["sort/c", "sort/b", "sort/a"],
  };
  for (const [target, ascending] of Object.entries(orders)) {
    const args = ["get", "sort/", "--prefix", "--keys-only", `--sort-by=${target}`];
    assert.deepEqual(keysOf(await ctl.ok([...args, "--order=ASCEND"])), ascending, target);
    assert.deepEqual(
      keysOf(await ctl.ok([...args, "--order=DESCEND"])),
      ascending.toReversed(),
      target,
    );
  }
});

testEtcdctl("get: the bounds on revisions filter keys", async ({ ctl }) => {
  for (const name of ["a", "b", "c"]) await ctl.ok(["put", `bounds/${name}`, name]);
  const range = await ctl.json<RangeJson>(["get", "bounds/", "--prefix"]);
  const [a, , c] = range.kvs ?? [];
  assert.ok(a && c);
  const args = ["get", "bounds/", "--prefix", "--keys-only"];
  assert.deepEqual(keysOf(await ctl.ok([...args, `--min-mod-rev=${c.mod_revision}`])), [
    "bounds/c",
  ]);
  assert.deepEqual(keysOf(await ctl.ok([...args, `--max-mod-rev=${a.mod_revision}`])), [
    "bounds/a",
  ]);
  assert.deepEqual(keysOf(await ctl.ok([...args, `--min-create-rev=${c.create_revision}`])), [
    "bounds/c",
  ]);
  assert.deepEqual(keysOf(await ctl.ok([...args, `--max-create-rev=${a.create_revision}`])), [
    "bounds/a",
  ]);
});

testEtcdctl("get: --consistency=s and --stream answer as a plain get", async ({ ctl }) => {
  for (const name of ["a", "b", "c"]) await ctl.ok(["put", `same/${name}`, name]);
  const plain = await ctl.ok(["get", "same/", "--prefix"]);
  assert.equal(await ctl.ok(["get", "same/", "--prefix", "--consistency=s"]), plain);
  assert.equal(await ctl.ok(["get", "same/", "--prefix", "--stream"]), plain);
});

testEtcdctl("get and put: keys that are no text survive", async ({ ctl }) => {
  // etcdctl takes arguments as bytes, but Deno gives them as UTF-8: U+00FF is 0xc3 0xbf.
  const key = "bytes/\u00ff'\"%_\\";
  await ctl.ok(["put", key, "\u0001\u00ff"]);
  const range = await ctl.json<RangeJson>(["get", key]);
  const [kv] = range.kvs ?? [];
  assert.equal(atob(kv?.key ?? ""), "bytes/\u00c3\u00bf'\"%_\\");
  assert.equal(atob(kv?.value ?? ""), "\u0001\u00c3\u00bf");
});

testEtcdctl("del: one key, a prefix, a range; --prev-kv prints what is gone", async ({ ctl }) => {
  for (const key of ["del/a", "del/b", "del/c", "delta", "DEL/A"]) {
    await ctl.ok(["put", key, `value of ${key}`]);
  }
  assert.equal(await ctl.ok(["del", "del/absent"]), "0\n");
  assert.equal(await ctl.ok(["del", "del/a", "--prev-kv"]), "1\ndel/a\nvalue of del/a\n");
  assert.equal(
    await ctl.ok(["del", "del/", "--prefix", "--prev-kv"]),
    "2\ndel/b\nvalue of del/b\ndel/c\nvalue of del/c\n",
  );
  assert.equal(await ctl.ok(["get", "delta", "--print-value-only"]), "value of delta\n");
  assert.equal(await ctl.ok(["get", "DEL/A", "--print-value-only"]), "value of DEL/A\n");
  assert.equal(await ctl.ok(["del", "delta", "deltb", "--range"]), "1\n");
});

testEtcdctl("txn: runs the branch that its compares choose", async ({ ctl }) => {
  await ctl.ok(["put", "txn/a", "1"]);
  const transaction = [
    'value("txn/a") = "1"',
    'version("txn/a") > "0"',
    'create("txn/b") = "0"',
    "",
    "put txn/a 2",
    "get txn/a",
    "put txn/b created",
    "",
    "get txn/b",
    "del txn/a",
    "",
    "",
  ].join("\n");
  assert.equal(
    await ctl.ok(["txn"], { stdin: transaction }),
    "SUCCESS\n\nOK\n\ntxn/a\n2\n\nOK\n",
  );
  assert.equal(
    await ctl.ok(["txn"], { stdin: transaction }),
    "FAILURE\n\ntxn/b\ncreated\n\n1\n",
  );
});

testEtcdctl("txn: compares modification revisions", async ({ ctl }) => {
  await ctl.ok(["put", "txn/mod", "1"]);
  const { kvs } = await ctl.json<RangeJson>(["get", "txn/mod"]);
  const stdin = `mod("txn/mod") = "${kvs?.[0]?.mod_revision}"\n\n\n\n\n`;
  assert.match(await ctl.ok(["txn"], { stdin }), /^SUCCESS/);
  await ctl.ok(["put", "txn/mod", "2"]);
  assert.match(await ctl.ok(["txn"], { stdin }), /^FAILURE/);
});

testEtcdctl(
  "compaction: refuses what is compacted or yet to come",
  { fresh: true },
  async ({ ctl }) => {
    for (const value of ["1", "2", "3"]) await ctl.ok(["put", "compact/key", value]);
    const revision = revisionOf(await ctl.json<RangeJson>(["get", "compact/key"]));
    assert.equal(
      await ctl.ok(["compaction", `${revision - 1}`]),
      `compacted revision ${revision - 1}\n`,
    );
    assert.match(
      await ctl.fails(["compaction", `${revision - 1}`]),
      /etcdserver: mvcc: required revision has been compacted/,
    );
    assert.equal(
      await ctl.ok(["compaction", `${revision}`, "--physical"]),
      `compacted revision ${revision}\n`,
    );
    assert.match(
      await ctl.fails(["compaction", `${revision + 1}`]),
      /etcdserver: mvcc: required revision is a future revision/,
    );
    assert.equal(await ctl.ok(["get", "compact/key", "--print-value-only"]), "3\n");
  },
);
