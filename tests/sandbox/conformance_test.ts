/** The conformance suite through the sandbox: what goes in and comes out of a Worker is what goes in and out of a store. */

import { type BackendChoice, moduleOf } from "../../backends/registry.ts";
import { type SuiteOptions, testBackend } from "../../backends/conformance/suite.ts";
import {
  mysqlDatabase,
  postgresDatabase,
  whyNoMysql,
  whyNoPostgres,
} from "../support/databases/shared_database.ts";
import { hashOf, memoryBundle, serveModules } from "./module_server.ts";

type CreateStore = NonNullable<SuiteOptions["createStore"]>;

/** A Worker has a clock of its own. */
const clock = "database";

function storeOf(choice: BackendChoice, remove: () => PromiseLike<void>): ReturnType<CreateStore> {
  return Promise.resolve({
    open: async (options) => (await moduleOf(choice)).open(choice.endpoint, options),
    remove: async () => await remove(),
  });
}

testBackend({
  name: "sqlite in a sandbox",
  clock,
  exclusive: true,
  async createStore() {
    const folder = await Deno.makeTempDir({ prefix: "rhino_" });
    const choice = { endpoint: `${folder}/state.db`, sandbox: true };
    return await storeOf(choice, () => Deno.remove(folder, { recursive: true }));
  },
});

for (
  const [name, createDatabase, reason] of [
    ["postgres", postgresDatabase, whyNoPostgres()],
    ["mysql", mysqlDatabase, whyNoMysql()],
  ] as const
) {
  const createStore = async () => {
    const { url, drop } = await createDatabase();
    return await storeOf({ endpoint: url, sandbox: true }, drop);
  };
  testBackend({
    name: `${name} in a sandbox`,
    clock,
    createStore: reason === undefined ? createStore : undefined,
  });
}

const FORGETS = "the store ends with its Worker";

/** Of the facts that open a store again. */
const REOPENING = Object.fromEntries([
  "a lease's time stands still in a gap that is too long, whatever clock the store has",
  "a record is replaced whole, removed, and may be empty or large",
  "the head tells which batch changed a record last, and which a lease",
  "a value of 1.5 MB comes back unchanged, also after reopening",
  "outcome() tells what was applied from what was not, and both from what may yet come",
  "history() tells whether it holds a batch that was seen before",
  "trim() that is continued with another bound stays exact",
  "trim() leaves every read at or above the compact revision as it was",
  "trim() goes on after reopening where it stopped",
  "reopening finds the same store",
  "closing during use settles every call, and what was acknowledged stays",
  "defragment() gives trimmed space back and keeps everything else",
].map((fact) => [fact, FORGETS]));

testBackend({
  name: "memory as somebody else's module",
  clock,
  exclusive: true,
  async createStore() {
    const text = await bundle();
    const server = serveModules({ "/memory.js": text });
    const url = `${server.url}/memory.js`;
    const backends = [{ scheme: "foreign", url, integrity: await hashOf(text) }];
    return await storeOf({ endpoint: "foreign:", backends }, () => server[Symbol.asyncDispose]());
  },
  skips: REOPENING,
});

let bundled: Promise<string> | undefined;

function bundle(): Promise<string> {
  return bundled ??= memoryBundle();
}
