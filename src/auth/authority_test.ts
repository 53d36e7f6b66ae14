/** What is judged by users and roles that another server, or the same one, changes meanwhile. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { PermissionSchema } from "../../gen/authpb/auth_pb.ts";
import { EtcdError } from "../errors.ts";
import { AUTH_READ_ATTEMPTS_MAX, AUTH_TOKENS_PER_USER_MAX } from "../limits.ts";
import { grantCommand, renewCommand } from "../lease/commands.ts";
import { putCommand } from "../mvcc/commands.ts";
import { UNRESTRICTED } from "../mvcc/permit.ts";
import type { BatchView } from "../mvcc/view.ts";
import { Disk, Engine, type Override } from "../mvcc/testing/engine.ts";
import { putOp, rangeOp, span } from "../mvcc/testing/ops.ts";
import { type AuthCall, Authority } from "./authority.ts";
import { authenticate } from "./authenticator.ts";
import { adminCommand } from "./command.ts";
import type { Passwords } from "./passwords.ts";
import { addRole, grantPermission, revokePermission } from "./role_commands.ts";
import { PERMISSION } from "./permissions.ts";
import { enable } from "./switch_commands.ts";
import { addUser, changePassword, grantRole } from "./user_commands.ts";

const TTL_MS = 60_000;

interface Server extends AsyncDisposable {
  readonly engine: Engine;
  readonly authority: Authority;
}

async function serve(
  disk: Disk,
  { isShared = true, override }: { isShared?: boolean; override?: Override } = {},
): Promise<Server> {
  const engine = await Engine.open(override, disk, { isShared });
  const authority = await Authority.open({
    store: engine.store,
    tokens: { ttlMs: TTL_MS, now: () => disk.nowMs, randomBytes, log() {} },
    jwt: undefined,
    clientCertAuth: true,
  });
  return {
    engine,
    authority,
    async [Symbol.asyncDispose]() {
      await authority[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
    },
  };
}

/** Hears of nothing by itself. */
const DEAF: Override = () => ({ changes: () => nothing() });

async function* nothing(): AsyncGenerator<void> {}

/** Two servers of one store, the second of which is told of nothing; the user `u` has the role `r`. */
async function twoServers() {
  const disk = new Disk();
  const first = await serve(disk);
  const second = await serve(disk, { override: DEAF });
  return {
    disk,
    first,
    second,
    async [Symbol.asyncDispose]() {
      await second[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
    },
  };
}

/** A password that is a hash of itself: the tests are not about bcrypt. */
const PLAIN: Passwords = {
  hash: (password) => Promise.resolve(new TextEncoder().encode(password)),
  matches: (password, hash) => Promise.resolve(new TextDecoder().decode(hash) === password),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

function change({ engine }: Server, apply: (view: BatchView) => void): Promise<unknown> {
  return engine.store.submit(adminCommand(UNRESTRICTED, apply));
}

async function enableWithUser(server: Server): Promise<void> {
  const { authority } = server;
  for (const name of ["root", "u"]) {
    const password = new TextEncoder().encode(name);
    await change(
      server,
      (view) => addUser(view, authority, { name, password, options: undefined }),
    );
  }
  await change(server, (view) => grantRole(view, authority, { user: "root", role: "root" }));
  await change(server, (view) => addRole(view, authority, "r"));
  await change(server, (view) => grantRole(view, authority, { user: "u", role: "r" }));
  await change(server, (view) => enable(view, authority));
}

const SPAN = { key: new TextEncoder().encode("k"), rangeEnd: new Uint8Array() };

function grant(server: Server): Promise<unknown> {
  const perm = create(PermissionSchema, { permType: PERMISSION.READWRITE, ...SPAN });
  return change(server, (view) => {
    grantPermission(view, server.authority, { name: "r", perm });
  });
}

function revoke(server: Server): Promise<unknown> {
  return change(server, (view) => revokePermission(view, server.authority, { role: "r", ...SPAN }));
}

/** A call of somebody whom a certificate names. */
function callOf(name: string | undefined, token?: string): AuthCall & { signal: AbortSignal } {
  return {
    metadata: (header) => header === "token" ? token : undefined,
    clientName: name,
    signal: new AbortController().signal,
  };
}

async function put({ engine, authority }: Server, call: AuthCall): Promise<unknown> {
  const permit = await authority.permit(call);
  const options = { alarms: engine.store.alarms, bytes: 10, permit };
  return await engine.store.submit(putCommand(putOp("k", "1"), options));
}

function read({ engine, authority }: Server, call: AuthCall): Promise<unknown> {
  const op = rangeOp(span("k"));
  return authority.read(call, op, () => engine.store.reader.range(op));
}

function hasReason(reason: string) {
  return (error: unknown) => error instanceof EtcdError && error.reason === reason;
}

for (const [name, ask] of [["write", put], ["read", read]] as const) {
  Deno.test(`a ${name} is judged by what another server has changed before it came`, async () => {
    await using servers = await twoServers();
    const { first, second } = servers;
    await enableWithUser(first);
    const u = callOf("u");
    await assert.rejects(ask(second, callOf(undefined)), hasReason("userEmpty"));
    await assert.rejects(ask(second, u), hasReason("permissionDenied"));
    await grant(first);
    await ask(second, u);
    await revoke(first);
    await assert.rejects(ask(second, u), hasReason("permissionDenied"));
  });
}

Deno.test("a token is good on a server that was not told of it, and its end holds there", async () => {
  await using servers = await twoServers();
  const { first, second } = servers;
  await enableWithUser(first);
  await grant(first);
  const { store } = first.engine;
  const credentials = { name: "u", password: "u" };
  const options = { store, authority: first.authority, passwords: PLAIN };
  const { token } = await authenticate(options, credentials);
  await put(second, callOf(undefined, token));
  await change(first, (view) => {
    changePassword(view, first.authority, { name: "u", password: new Uint8Array() });
  });
  await assert.rejects(put(second, callOf(undefined, token)), hasReason("invalidAuthToken"));
  await assert.rejects(read(second, callOf(undefined, token)), hasReason("invalidAuthToken"));
});

Deno.test("what was read while users changed is read again, and not for ever", async () => {
  await using server = await serve(new Disk(), { isShared: false });
  const { engine, authority } = server;
  await enableWithUser(server);
  await grant(server);
  const op = rangeOp(span("k"));
  let reads = 0;
  const readWhile = (changes: number) => {
    reads = 0;
    return authority.read(callOf("u"), op, async () => {
      if (reads++ < changes) await change(server, (view) => authority.state.advance(view));
      return await engine.store.reader.range(op);
    });
  };
  await readWhile(2);
  assert.equal(reads, 3);
  await assert.rejects(readWhile(AUTH_READ_ATTEMPTS_MAX), hasReason("authOldRevision"));
  assert.equal(reads, AUTH_READ_ATTEMPTS_MAX);
});

Deno.test("commands behind one that changes users are judged by what it has changed", async () => {
  await using server = await serve(new Disk(), { isShared: false });
  await enableWithUser(server);
  await grant(server);
  const permit = await server.authority.permit(callOf("u"));
  const { store } = server.engine;
  const options = { alarms: store.alarms, bytes: 10, permit };
  const putNow = () => store.submit(putCommand(putOp("k", "1"), options));
  // All in one group of the writer's.
  const [before, , after] = await Promise.allSettled([putNow(), revoke(server), putNow()]);
  assert.equal(before.status, "fulfilled");
  assert.ok(after.status === "rejected" && hasReason("permissionDenied")(after.reason));
});

Deno.test("authenticate() looks at the password again if users have changed meanwhile", async () => {
  await using server = await serve(new Disk(), { isShared: false });
  const { engine: { store }, authority } = server;
  await enableWithUser(server);
  let compared = 0;
  const passwords: Passwords = {
    ...PLAIN,
    async matches(password, hash) {
      if (++compared === 1) {
        const changed = new TextEncoder().encode("new");
        await change(server, (view) => {
          changePassword(view, authority, { name: "u", password: changed });
        });
      }
      return await PLAIN.matches(password, hash);
    },
  };
  const options = { store, authority, passwords };
  await assert.rejects(
    authenticate(options, { name: "u", password: "u" }),
    hasReason("authFailed"),
  );
  assert.equal(compared, 2);
  await authenticate(options, { name: "u", password: "new" });
});

Deno.test("a user has a bounded number of tokens; the one longest unused ends", async () => {
  const disk = new Disk();
  await using server = await serve(disk, { isShared: false });
  const { engine: { store }, authority } = server;
  await enableWithUser(server);
  await grant(server);
  const options = { store, authority, passwords: PLAIN };
  const signIn = async () => (await authenticate(options, { name: "u", password: "u" })).token;
  const used = await signIn();
  const unused = await signIn();
  for (let count = 2; count < AUTH_TOKENS_PER_USER_MAX; count++) await signIn();
  disk.nowMs++;
  await put(server, callOf(undefined, used));
  await signIn();
  await put(server, callOf(undefined, used));
  await assert.rejects(put(server, callOf(undefined, unused)), hasReason("invalidAuthToken"));
});

Deno.test("a lease's keys are loaded for who may not write everything, and not for root", async () => {
  let loads = 0;
  const override: Override = (real) => ({
    leaseKeys(id) {
      loads++;
      return real.leaseKeys(id);
    },
  });
  await using server = await serve(new Disk(), { isShared: false, override });
  const { engine: { store }, authority } = server;
  await enableWithUser(server);
  await grant(server);
  await store.submit(grantCommand({ id: 7n, ttl: 60 }, store.alarms));
  const putAs = async (name: string) => {
    const permit = await authority.permit(callOf(name));
    const options = { alarms: store.alarms, bytes: 10, permit };
    await store.submit(putCommand(putOp("k", "1", { lease: 7n }), options));
    await store.submit(renewCommand(7n, permit));
  };
  await putAs("root");
  assert.equal(loads, 0);
  await putAs("u");
  assert.equal(loads, 2);
});

Deno.test("a command whose sender is unknown fails alone", async () => {
  await using server = await serve(new Disk(), { isShared: false });
  const { engine: { store }, authority } = server;
  const early = await authority.permit(callOf(undefined, "bad.1"));
  await enableWithUser(server);
  await grant(server);
  const good = await authority.permit(callOf("u"));
  const [bad, fine] = await Promise.allSettled([early, good].map((permit) => {
    const op = putOp("k", "1", { lease: 7n });
    return store.submit(putCommand(op, { alarms: store.alarms, bytes: 10, permit }));
  }));
  assert.ok(bad?.status === "rejected" && hasReason("invalidAuthToken")(bad.reason));
  // Told what it is told because it was looked at.
  assert.ok(fine?.status === "rejected" && hasReason("leaseNotFound")(fine.reason));
});
