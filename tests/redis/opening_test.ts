/** Opening a store in Redis: what is made, what is refused, and what an operator is told. */

import assert from "node:assert/strict";
import { batchAt, bytes, OPEN_OPTIONS, putRow, range } from "../../backends/conformance/subject.ts";
import { BackendError, type OpenOptions } from "../../backends/contract.ts";
import { open, remove } from "../../examples/redis/mod.ts";
import { put } from "../contract/fault_parts.ts";
import { redisTest } from "./redis_case.ts";

const SECRET = "wrong-word";

/** Opens what must not open, and answers what the operator is told. */
async function messageOf(url: string, options: Partial<OpenOptions> = {}): Promise<string> {
  const opening = open(url, { ...OPEN_OPTIONS, ...options });
  const error = await opening.then((backend) => backend.close(), (error: unknown) => error);
  assert.ok(error instanceof BackendError, `opened, or failed otherwise: ${error}`);
  assert.equal(error.kind, "unusable");
  assert.ok(!error.message.includes("\n"), "one line");
  assert.ok(!error.message.includes(SECRET) && !error.message.includes("right-word"));
  return error.message;
}

Deno.test("redis: an endpoint that is malformed is refused in one line without a secret", async () => {
  const cases: readonly (readonly [url: string, told: RegExp])[] = [
    [`redis://u:${SECRET}#x@h`, /not of the form redis:\/\/user:password@host:port/],
    ["redis:h", /not of the form/],
    ["redis://h:99999", /not of the form/],
    [`redis://u:${SECRET}%@h`, /the password holds a "%"/],
    ["redis://h/x", /the database behind the slash must be a whole number/],
    ["redis://h/?prefix=a{b", /"prefix" must be of letters, digits/],
    ["redis://h/?prefix=", /"prefix" must be of letters, digits/],
    [`redis://h/?prefix=${"a".repeat(65)}`, /64 at most/],
    ["redis://h/?ca=x", /"ca" is for rediss:\/\/ only/],
    ["rediss://h/?ca=x", /"ca" must be a certificate in PEM form/],
    ["redis://h/?connect_timeout=0", /must be a whole number from 1/],
    ["redis://h/?prefx=a", /unknown parameter "prefx"; known are ca, connect_timeout, prefix/],
  ];
  for (const [url, told] of cases) assert.match(await messageOf(url), told, url);
});

redisTest(
  "an operator is told in one line why the store cannot be opened",
  { settings: { requirepass: "right-word" } },
  async ({ server, join }) => {
    const where = `127.0.0.1:${server.port}`;
    const cannot = `^Cannot use Redis at ${where.replaceAll(".", "\\.")}: `;
    assert.match(
      await messageOf("redis://127.0.0.1:1"),
      /^Cannot use Redis at 127\.0\.0\.1:1: connection refused$/,
    );
    assert.match(
      await messageOf("redis://no-such-host.invalid"),
      /^Cannot use Redis at no-such-host\.invalid:6379: /,
    );
    assert.match(
      await messageOf(`redis://:${SECRET}@${where}`),
      new RegExp(`${cannot}it refuses the user or the password`),
    );
    assert.match(await messageOf(`redis://${where}`), new RegExp(`${cannot}it wants a password`));
    await join({ url: `redis://:right-word@${where}` });
    assert.match(
      await messageOf(`redis://:right-word@${where}/?prefix=none`, { createSchema: false }),
      /There is no store "none" in this database of Redis, and --no-create is set/,
    );
    assert.match(await messageOf(`redis://:right-word@${where}/9999`), /DB index is out of range/);
  },
);

redisTest(
  "a user who may not do all of it is refused before anything is written",
  {},
  async (scene) => {
    const { server } = scene;
    const rules = ["on", ">right-word", "~*", "&*", "+@all", "-zadd"];
    await server.command("ACL", "SETUSER", "some", ...rules);
    const url = `redis://some:right-word@127.0.0.1:${server.port}`;
    assert.match(await messageOf(url), /the user may not do what Rhino needs/);
    assert.equal(await server.command("DBSIZE"), 0);
  },
);

redisTest(
  "a server that may delete keys by itself is refused",
  { settings: { maxmemory: "100mb", "maxmemory-policy": "allkeys-lru" } },
  async ({ server, join }) => {
    assert.match(
      await messageOf(server.url()),
      /maxmemory-policy is allkeys-lru, by which it may delete data of the store: set it to noeviction/,
    );
    await server.command("CONFIG", "SET", "maxmemory-policy", "noeviction");
    await put(await join(), "a");
  },
);

redisTest("opening warns in one line of how acknowledged writes can be lost", {}, async (scene) => {
  const { server, join } = scene;
  const said: string[] = [];
  const log = (level: string, message: string) => void (level === "warn" && said.push(message));
  const settings = [
    ["yes", "always", null],
    ["yes", "everysec", /appendfsync is everysec, so a crash loses about a second/],
    ["yes", "no", /appendfsync is no, so a crash of its machine loses/],
    ["no", "always", /appendonly is off, so a crash loses everything since its last snapshot/],
  ] as const;
  for (const [appendonly, appendfsync, told] of settings) {
    await server.command("CONFIG", "SET", "appendonly", appendonly, "appendfsync", appendfsync);
    await join({ log });
    const [message = ""] = said.splice(0);
    assert.match(message, told ?? /^$/);
    if (told !== null) assert.match(message, /set appendonly to yes and appendfsync to always$/);
  }
  const rules = ["on", ">right-word", "~*", "&*", "+@all", "-config"];
  await server.command("CONFIG", "SET", "appendonly", "yes");
  await server.command("ACL", "SETUSER", "some", ...rules);
  await join({ url: `redis://some:right-word@127.0.0.1:${server.port}`, log });
  assert.match(said.join(), /it does not show its setting of appendfsync/);
});

redisTest("three servers that start at once make one store", {}, async ({ join }) => {
  let id = 0n;
  const backends = await Promise.all([1, 2, 3].map(() => join({ randomId: () => ++id })));
  assert.equal(new Set(backends.map(({ clusterId }) => clusterId)).size, 1);
  const [first, , third] = backends;
  assert.ok(first !== undefined && third !== undefined);
  await put(first, "a");
  assert.equal((await range(third)).kvs.length, 1);
});

redisTest("stores of other prefixes and databases are their own", {}, async ({ server, join }) => {
  const urls = [server.url("a"), server.url("b"), server.url("a").replace("/?", "/1?")];
  const backends = await Promise.all(urls.map((url) => join({ url })));
  for (const [at, backend] of backends.entries()) {
    for (let count = 0; count <= at; count++) await put(backend, `k${count}`);
  }
  const counts = await Promise.all(backends.map(async (one) => (await range(one)).kvs.length));
  assert.deepEqual(counts, [1, 2, 3]);
  await remove(urls[0] ?? "", OPEN_OPTIONS);
  assert.equal((await range(await join({ url: urls[0] ?? "" }))).kvs.length, 0);
  assert.equal((await range(await join({ url: urls[1] ?? "" }))).kvs.length, 2);
});

redisTest(
  "a store of another version, or keys of somebody else, are left alone",
  {},
  async (scene) => {
    const { server, join } = scene;
    await server.command("SET", "{other}:log", "mine");
    assert.match(
      await messageOf(server.url("other")),
      /keys that begin with "\{other\}:" are there already and are not a store's: name another prefix/,
    );
    assert.equal(await server.command("GET", "{other}:log"), "mine");
    await join();
    await server.command("HSET", "{rhino}:head", "version", "99");
    assert.match(
      await messageOf(server.url()),
      /layout version 99, and this backend knows version 1/,
    );
  },
);

redisTest(
  "the lease clock stands in a gap between appends, and behind a batch that resumes leases",
  {},
  async (scene) => {
    const { server, join } = scene;
    const backend = await join();
    const remaining = async () => (await backend.leases(1)).leases[0]?.remainingMs ?? 0;
    const assertLeft = async (expected: number) => {
      const left = await remaining();
      assert.ok(left > expected - 2_000 && left <= expected, `${left} ms are left of ${expected}`);
    };
    const leases = [{ id: 1n, state: { ttl: 60, remainingMs: 60_000 } }];
    let batch = batchAt(await backend.head(), { leases });
    await backend.append(batch);
    await assertLeft(60_000);
    // As if the last append had been so long ago: Redis's clock cannot be moved.
    const age = async (ms: number) => {
      const appended = Number(await server.command("HGET", "{rhino}:head", "appended"));
      await server.command("HSET", "{rhino}:head", "appended", String(appended - ms));
      const expiry = Number(await server.command("ZSCORE", "{rhino}:expiry", "\0\0\0\0\0\0\0\x01"));
      await server.command("ZADD", "{rhino}:expiry", String(expiry - ms), "\0\0\0\0\0\0\0\x01");
    };
    const next = async (resumesLeases = false) => {
      batch = batchAt(batch.head, { resumesLeases });
      await backend.append(batch);
    };
    // A short gap counts, a long one does not, nor a short one that a server ends which begins to run.
    await age(3_000);
    await assertLeft(57_000);
    await next();
    await assertLeft(57_000);
    await age(50_000);
    await assertLeft(57_000);
    await next();
    await assertLeft(57_000);
    await age(4_000);
    await next(true);
    await assertLeft(57_000);
  },
);

redisTest(
  "keys and batches as large as the backend says are taken, larger ones are for the engine to refuse",
  {},
  async ({ join }) => {
    const backend = await join();
    const { keySizeMax, batchRowsMax } = backend.capabilities;
    const key = Uint8Array.from({ length: keySizeMax }, (_, at) => at % 251);
    await backend.append(
      batchAt(await backend.head(), { rows: [putRow(key, { revision: 2, lease: 5n })] }),
    );
    assert.equal((await range(backend, { start: key })).kvs.length, 1);
    const rows = Array.from({ length: batchRowsMax }, (_, sub) => {
      return putRow(bytes(`k${sub}`), { revision: 3, sub });
    });
    await backend.append(batchAt(await backend.head(), { rows }));
    const { count } = await backend.count({ start: bytes("k"), end: bytes("l"), revision: 3 });
    assert.ok(count >= batchRowsMax);
  },
);
