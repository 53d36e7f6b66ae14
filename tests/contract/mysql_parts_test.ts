/** Pieces of the MySQL backend that need no database. */

import assert from "node:assert/strict";
import type { Head } from "../../backends/contract.ts";
import { ChunkSizer, createRowSizes } from "../../backends/mysql/chunks.ts";
import { fillIn } from "../../backends/mysql/literals.ts";
import { parseLocation } from "../../backends/mysql/location.ts";
import { groupTexts, packQueries } from "../../backends/mysql/packets.ts";
import { createSettling } from "../../backends/mysql/settling.ts";
import { createSizeMeter } from "../../backends/mysql/space.ts";
import { FIRST_HEAD } from "../../backends/contract.ts";
import { assertFails, bytes, putRow } from "../../backends/conformance/subject.ts";

function headAt(index: number): Head {
  return { ...FIRST_HEAD, index, batchId: `batch ${index}` };
}

Deno.test("mysql: values come into statements as digits, and never as text", () => {
  const text = "SELECT :a, :list, :rows, :text, ':' WHERE :id";
  const values = {
    a: Uint8Array.of(0x27, 0x5c, 0),
    list: [1, null, -(2n ** 63n)],
    rows: [[1, bytes("x")], [2, new Uint8Array()]],
    text: "é",
    id: 7,
  };
  assert.equal(
    fillIn(text, values),
    "SELECT x'275c00', (1,NULL,-9223372036854775808), (1,x'78'),(2,x''), x'c3a9', ':' WHERE 7",
  );
  assert.throws(() => fillIn("SELECT :missing", {}), TypeError);
  assert.throws(() => fillIn("SELECT :a", { a: 1.5 }), TypeError);
  assert.throws(() => fillIn("SELECT :a", { a: [] }), TypeError);
});

Deno.test("mysql: statements are packed into as few queries as fit", async () => {
  const room = 1_024 + 10;
  assert.deepEqual(packQueries(["aaaa", "bbbb", "c", "dddddddddd"], room), [
    ["aaaa", "bbbb"],
    ["c"],
    ["dddddddddd"],
  ]);
  await assertFails(Promise.resolve().then(() => packQueries(["x".repeat(11)], room)), "full");
  assert.deepEqual(groupTexts(["aa", "bb", "cc", "d".repeat(9)], { bytes: 6, count: 2 }), [
    ["aa", "bb"],
    ["cc"],
    ["d".repeat(9)],
  ]);
});

Deno.test("mysql: an endpoint says how to connect", async () => {
  const base = "mysql://u:p@db:3307/store";
  const { tls, takesPlain, hosts } = parseLocation(base);
  assert.deepEqual(hosts, [{ host: "db", port: 3307 }]);
  assert.deepEqual([tls?.rejectUnauthorized, takesPlain], [false, true]);
  assert.equal(parseLocation(`${base}?ssl-mode=DISABLED`).tls, null);
  const strict = parseLocation(`${base}?ssl-mode=VERIFY_IDENTITY`);
  assert.deepEqual([strict.tls?.verifyIdentity, strict.takesPlain], [true, false]);
  const socket = parseLocation("mariadb://u@localhost/store?socket=/run/mysqld/mysqld.sock");
  assert.deepEqual([socket.hosts, socket.tls], [
    [{ host: "/run/mysqld/mysqld.sock", port: 0 }],
    null,
  ]);
  const go = parseLocation("mysql://u:p@unix(/run/a.sock)/store?x=1");
  assert.deepEqual([go.hosts, go.database, go.ignored], [
    [{ host: "/run/a.sock", port: 0 }],
    "store",
    ["x"],
  ]);
  for (
    const bad of [
      "mysql://db/store",
      "mysql://u:p@db",
      "mysql://u:p@10.0.0.1/store?ssl-mode=VERIFY_IDENTITY",
      `${base}?ssl-ca=/no/such/file`,
    ]
  ) {
    await assertFails(Promise.resolve().then(() => parseLocation(bad)), "unusable");
  }
});

Deno.test("mysql: a page's chunks follow the size of its rows", () => {
  const sizes = createRowSizes();
  const sizer = new ChunkSizer(sizes);
  const first = sizer.next({ rowsMax: 2_001, bytes: 1_000_000 });
  assert.ok(first.rows > 1_900 && first.rowBytesMax > 8_000);
  sizer.read({ rows: 9, bytes: 90_000, isCut: true });
  assert.deepEqual(sizer.next({ rowsMax: 1_992, bytes: 910_000 }).rows, 1);
  sizer.read({ rows: 1, bytes: 410_000, isCut: false });
  assert.equal(sizer.next({ rowsMax: 1_991, bytes: 500_000 }).rows, 11);
  assert.equal(sizes.rowBytes, 50_000);
});

Deno.test("mysql: what is seen before it is on disk is waited for, once for many", async () => {
  const commits: (() => void)[] = [];
  const settling = createSettling(() => new Promise<void>((resolve) => commits.push(resolve)));
  const done: string[] = [];
  const settle = (index: number, name: string) =>
    settling.settled(headAt(index)).then(() => done.push(name));
  const waits = [settle(1, "a"), settle(2, "b"), settle(2, "c")];
  // The first commit began before head 2 was seen, so that needs a second, together with what came after.
  assert.equal(commits.length, 1);
  commits[0]?.();
  await waits[0];
  assert.deepEqual(done, ["a"]);
  assert.equal(commits.length, 2);
  commits[1]?.();
  await Promise.all(waits);
  await settle(2, "d");
  assert.equal(commits.length, 2);
});

Deno.test("mysql: this server's own append is waited for without a commit", async () => {
  let commits = 0;
  const settling = createSettling(() => Promise.resolve(void commits++));
  const { promise, resolve } = Promise.withResolvers<boolean>();
  settling.appending(headAt(5), promise);
  const waiting = settling.settled(headAt(5));
  resolve(true);
  await waiting;
  await settling.settled(headAt(4));
  assert.equal(commits, 0);
  // One whose answer was lost may be there, and then somebody has to see to it.
  settling.appending(headAt(6), Promise.resolve(false));
  await settling.settled(headAt(6));
  assert.equal(commits, 1);
  settling.forget();
  await settling.settled(headAt(6));
  assert.equal(commits, 2);
});

Deno.test("mysql: a size grows with each append, measured or not", async () => {
  let measured = 0;
  const meter = createSizeMeter(() => {
    measured++;
    return Promise.resolve({ total: 1_000, inUse: 900, empty: 500 });
  });
  assert.deepEqual(await meter.size(), { total: 1_000, inUse: 900, empty: 500 });
  meter.appended([putRow(bytes("a"), { revision: 2, value: new Uint8Array(10_000) })]);
  const { total, inUse, empty } = await meter.size();
  assert.ok(total > 11_000 && inUse > 10_900 && empty === 500);
  assert.equal(measured, 1);
  meter.forget();
  await meter.size();
  assert.equal(measured, 2);
});
