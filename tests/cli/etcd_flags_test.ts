/** The flag table against etcd's own list of flags. */

import assert from "node:assert/strict";
import { flagNames, SWITCHES } from "../../src/cli/flags.ts";
import { oracleTools, whyNoOracle } from "../support/oracle.ts";

const missing = await whyNoOracle();

Deno.test({
  name: "every flag of etcd is known, and no other is said to be etcd's",
  ignore: missing !== undefined,
  async fn() {
    const theirs = new Set(await etcdFlags());
    assert.ok(theirs.size > 100);
    const switches = SWITCHES.map(({ name }) => name as string);
    const ours = new Set(flagNames("etcd"));
    const unknown = [...theirs].filter((name) => !ours.has(name) && !switches.includes(name));
    assert.deepEqual(unknown, []);
    // What `etcd --help` leaves out of its list, but etcd takes.
    assert.deepEqual([...ours].filter((name) => !theirs.has(name)), ["config-file"]);
  },
});

/** etcd tells of its flags as `  --name 'default'`. */
async function etcdFlags(): Promise<string[]> {
  const { etcd } = await oracleTools();
  const { stdout, stderr } = await new Deno.Command(etcd, { args: ["--help"] }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return [...text.matchAll(/^ {2}--([a-z0-9-]+)( |$)/gm)].map(([, name = ""]) => name);
}
