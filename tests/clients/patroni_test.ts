// Patroni, which keeps PostgreSQL available: its members agree by etcd, of which they use the JSON gateway and match the
// very texts of errors.

import assert from "node:assert/strict";
import { serverUser } from "../support/databases/executables.ts";
import { missingFor } from "../support/databases/installed.ts";
import { makeServerDir } from "../support/databases/server_dir.ts";
import { eventually } from "../support/polling.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";
import { PATRONI_TTL_S, PatroniMember } from "./patroni/patroni_member.ts";
import { patroniPython } from "./patroni/patroni_python.ts";
import { whyNoPython } from "../support/python_environment.ts";

/** A cluster has to be made, or a primary to be missed for its whole time to live. */
const PATIENCE = { timeoutMs: 60_000 };
/** Of what Patroni logged; shown when something goes wrong. */
const LOG_LENGTH_MAX = 8_000;
const LEADER_KEY = "/service/rhino/leader";

/** It takes more than a minute, and asks nothing that depends on where the data is. */
const ENOUGH = "SQLite is enough";
const SKIPS = {
  memory: "memory forgets at the end of the process",
  postgres: ENOUGH,
  mysql: ENOUGH,
};

const WHY_NOT = await whyNot();

if (WHY_NOT === undefined) {
  serviceTest(
    "Patroni: a replica takes over from a primary that was killed, and from nobody else",
    { fresh: true, skips: SKIPS },
    failOver,
  );
} else {
  Deno.test({ name: `Patroni (ignored: ${WHY_NOT})`, ignore: true, fn() {} });
}

async function whyNot(): Promise<string | undefined> {
  const missing = Deno.env.get("CI") === "true" ? undefined : missingFor("postgres");
  return missing === undefined ? await whyNoPython() : `needs ${missing}`;
}

async function failOver(t: ServiceTestContext): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const members: PatroniMember[] = [];
  const startMember = await memberStarter(t, cleanup);
  try {
    members.push(await startMember("a"), await startMember("b"));
    await checkFailOver(t, members);
  } catch (cause) {
    const logs = members.map(({ name, output }) => `${name}:\n${output.slice(-LOG_LENGTH_MAX)}`);
    throw new Error(`Patroni's logs:\n${logs.join("\n")}`, { cause });
  }
}

async function checkFailOver(
  t: ServiceTestContext,
  members: readonly PatroniMember[],
): Promise<void> {
  await eventually("there is a primary and a replica", async () => {
    const roles = await Promise.all(members.map(roleOf));
    return roles.includes("primary") && roles.includes("replica");
  }, PATIENCE);
  const primary = await memberWith("primary", members);
  const replica = await memberWith("replica", members);

  await primary.query("CREATE TABLE facts (fact text)");
  await primary.query("INSERT INTO facts VALUES ('before')");
  const isCopied = async () => await factsOf(replica) === "before";
  await eventually("the row is copied", isCopied, PATIENCE);
  const { timeline } = await primary.state() ?? {};

  await surviveCrashOfStore(t);
  assert.equal(await leaderOf(t), primary.name);
  assert.equal((await primary.state())?.timeline, timeline, "nobody took over");

  await primary.kill();
  await eventually(
    "the replica takes over",
    async () => await roleOf(replica) === "primary",
    PATIENCE,
  );
  assert.equal(await leaderOf(t), replica.name);
  assert.equal(await factsOf(replica), "before");
  await replica.query("INSERT INTO facts VALUES ('after')");
  assert.equal(await factsOf(replica), "before\nafter");
}

/** A query on a server that is not there yet answers nothing. */
async function factsOf(member: PatroniMember): Promise<string> {
  try {
    return await member.query("SELECT fact FROM facts");
  } catch {
    return "";
  }
}

/** Of one that is up and serves its role. */
async function roleOf(member: PatroniMember): Promise<string | undefined> {
  const state = await member.state();
  return state?.state === "running" || state?.state === "streaming" ? state.role : undefined;
}

async function memberWith(
  role: string,
  members: readonly PatroniMember[],
): Promise<PatroniMember> {
  for (const member of members) {
    if (await roleOf(member) === role) return member;
  }
  throw new Error(`there is no ${role}`);
}

async function leaderOf(t: ServiceTestContext): Promise<string | undefined> {
  const { kvs } = await t.client.kv.range({ key: LEADER_KEY });
  return kvs[0] && new TextDecoder().decode(kvs[0].value);
}

/** The store is away for a moment. Until the leader's time to live is over twice nobody else becomes it. */
async function surviveCrashOfStore(t: ServiceTestContext): Promise<void> {
  const before = await t.client.kv.range({ key: LEADER_KEY });
  await t.endpoint.kill();
  await t.endpoint.restart();
  const over = performance.now() + 2 * PATRONI_TTL_S * 1_000;
  await eventually("the leader's time to live passes", async () => {
    const { kvs } = await t.client.kv.range({ key: LEADER_KEY });
    assert.equal(kvs[0]?.createRevision, before.kvs[0]?.createRevision, "the leader's key stays");
    return performance.now() > over;
  }, PATIENCE);
}

async function memberStarter(
  { endpoint }: ServiceTestContext,
  cleanup: AsyncDisposableStack,
): Promise<(name: string) => Promise<PatroniMember>> {
  const user = serverUser(["postgres"]);
  async function makeDir(name: string): Promise<string> {
    const dir = await makeServerDir(`patroni-${name}`, { user });
    cleanup.defer(() => Deno.remove(dir, { recursive: true }));
    return dir;
  }
  const python = await patroniPython({ dir: await makeDir("python"), user });
  return async (name) => {
    const dir = await makeDir(name);
    const options = { name, dir, user, python, etcd: endpoint.address };
    return cleanup.use(await PatroniMember.start(options));
  };
}
