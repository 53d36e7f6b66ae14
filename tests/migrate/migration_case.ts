// What the tests of moving data share: servers on stores that outlive them, and all that clients can see of a store.

import assert from "node:assert/strict";
import type { Event, KeyValue } from "../../gen/mvccpb/kv_pb.ts";
import { type RunResult, runRhino } from "../cli/rhino_process.ts";
import { addUser, CHEAP, enableAuth, READ, signIn } from "../services/auth_case.ts";
import { extendHistory, writeHistory } from "../services/hash_history.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import type { CallExtras } from "../support/grpc_client.ts";
import { revisionOf } from "../support/readable.ts";
import { denoArgs } from "../support/rhino_command.ts";
import { ServerProcess } from "../support/server_process.ts";

const EVERYTHING = { key: new Uint8Array(1), rangeEnd: new Uint8Array(1) };

/** Rhino on a store that is there before and after it. */
export class Served implements AsyncDisposable {
  readonly client: EtcdClient;
  readonly address: string;
  readonly #process: ServerProcess;

  private constructor(process: ServerProcess, address: string) {
    this.#process = process;
    this.address = address;
    this.client = new EtcdClient(address);
  }

  static async start(endpoint: string): Promise<Served> {
    const flags = ["--listen-address=127.0.0.1:0", `--endpoint=${endpoint}`, CHEAP];
    const process = new ServerProcess(Deno.execPath(), denoArgs([...flags, "--log-format=json"]));
    const { address } = await process.ready();
    assert.ok(address !== undefined);
    return new Served(process, address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.#process.end("SIGTERM");
  }
}

/** Serves the store for as long as it takes. */
export async function served<T>(
  endpoint: string,
  use: (served: Served) => Promise<T>,
): Promise<T> {
  await using server = await Served.start(endpoint);
  return await use(server);
}

/** Runs `rhino migrate`, which must succeed, and answers the line that it prints. */
export async function migrateOk(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runRhino({ args: ["migrate", ...args] });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^copied and verified: .*HashKV \d+\n$/);
  return stdout;
}

/** Runs `rhino migrate`, which must fail with one line, and answers that. */
export async function migrateFails(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runRhino({ args: ["migrate", ...args] });
  assert.equal(code, 1, `${stdout}${stderr}`);
  assert.equal(stdout, "");
  const lines = stderr.trimEnd().split("\n");
  const failures = lines.filter((line) => line.startsWith("Cannot run rhino migrate: "));
  assert.equal(failures.length, 1, stderr);
  assert.equal(failures[0], lines.at(-1));
  return failures[0] ?? "";
}

export function check(endpoint: string): Promise<RunResult> {
  return runRhino({ args: ["check", endpoint] });
}

export async function checkOk(endpoint: string): Promise<string> {
  const { code, stdout, stderr } = await check(endpoint);
  assert.equal(code, 0, `${stderr}${stdout}`);
  assert.match(stdout, / is sound; /);
  return stdout;
}

/** A history with everything: odd keys, transactions, deletes, leases, users and roles, and a compaction in it. */
export async function fill(client: EtcdClient): Promise<void> {
  const head = await writeHistory(client);
  await client.kv.compact({ revision: head / 2n, physical: true });
  await extendHistory(client);
  await client.lease.leaseGrant({ ID: 77n, TTL: 5_000 });
  await client.kv.put({ key: "leased", value: "1", lease: 77n });
  await addUser(client, { name: "reader", grants: [{ type: READ, key: "a", rangeEnd: "c" }] });
  await client.auth.userAdd({ name: "certificate", options: { noPassword: true } });
  await enableAuth(client);
}

/** All that clients see, at every revision that can be read, as plain data. */
export async function stateOf(client: EtcdClient) {
  const root = await signIn(client, "root", "pw");
  const newest = await client.kv.range(EVERYTHING, root);
  const head = revisionOf(newest);
  const { hash, compactRevision } = await client.maintenance.hashKV({}, root);
  const revisions = new Map<bigint, unknown>();
  const hashes = new Map<bigint, number>();
  for (let revision = compactRevision; revision <= head; revision++) {
    const { kvs, count } = await client.kv.range({ ...EVERYTHING, revision }, root);
    revisions.set(revision, [count, plain(kvs)]);
    // The checksum that a compaction made of what it was about to remove lives in memory only.
    if (revision === compactRevision) continue;
    hashes.set(revision, (await client.maintenance.hashKV({ revision }, root)).hash);
  }
  return {
    head,
    hash,
    compactRevision,
    revisions,
    hashes,
    events: await eventsFrom(client, { from: compactRevision + 1n, head, root }),
    leases: await leasesOf(client, root),
    auth: await authOf(client, root),
  };
}

/** What a watch from the past is told, up to the newest revision. */
async function eventsFrom(
  client: EtcdClient,
  { from, head, root }: { from: bigint; head: bigint; root: CallExtras },
) {
  const watch = client.watch.watch(root);
  const create = { ...EVERYTHING, startRevision: from, prevKv: true };
  watch.send({ requestUnion: { case: "createRequest", value: create } });
  const events: Event[] = [];
  while ((events.at(-1)?.kv?.modRevision ?? 0n) < head) events.push(...(await watch.next()).events);
  watch.cancel();
  return events.map(({ type, kv, prevKv }) => [
    type,
    plain(kv === undefined ? [] : [kv]),
    plain(prevKv === undefined ? [] : [prevKv]),
  ]);
}

async function leasesOf({ lease }: EtcdClient, root: CallExtras) {
  const { leases } = await lease.leaseLeases({}, root);
  const ids = leases.map(({ ID }) => ID).sort((a, b) => a < b ? -1 : 1);
  return await Promise.all(ids.map(async (ID) => {
    const { grantedTTL, keys } = await lease.leaseTimeToLive({ ID, keys: true }, root);
    return [ID, grantedTTL, keys.map((key) => [...key].join()).sort()];
  }));
}

async function authOf({ auth }: EtcdClient, root: CallExtras) {
  const { users } = await auth.userList({}, root);
  const { roles } = await auth.roleList({}, root);
  const { enabled, authRevision } = await auth.authStatus({}, root);
  return {
    enabled,
    authRevision,
    users: await Promise.all(
      users.map(async (name) => [name, (await auth.userGet({ name }, root)).roles]),
    ),
    roles: await Promise.all(roles.map(async (role) => {
      const { perm } = await auth.roleGet({ role }, root);
      return [role, perm.map(({ permType, key, rangeEnd }) => [permType, [...key], [...rangeEnd]])];
    })),
  };
}

/** Without what protobuf-es adds; large values by their length and sum, or a failure would print them. */
export function plain(kvs: readonly KeyValue[]) {
  return kvs.map(({ key, value, createRevision, modRevision, version, lease }) => ({
    key: [...key].join(),
    value: value.length > 100
      ? `${value.length} bytes, ${value.reduce((sum, byte) => sum + byte, 0)}`
      : [...value].join(),
    fields: [createRevision, modRevision, version, lease],
  }));
}
