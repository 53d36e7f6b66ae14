import assert from "node:assert/strict";
import project from "../deno.json" with { type: "json" };
import { helpText, parseOptions } from "./options.ts";
import { startCommand } from "./servers.ts";
import { FULL_SIZES } from "./sizes.ts";

Deno.test("without flags the benchmark takes three rounds of every server in full size", () => {
  assert.deepEqual(parseOptions([]), {
    store: "sqlite",
    rounds: 3,
    servers: ["rhino", "etcd", "kine"],
    kineConnections: 0,
    sizes: FULL_SIZES,
    isFull: true,
    growth: undefined,
    report: false,
    help: false,
  });
});

Deno.test("a size given as a flag wins over --quick", () => {
  const { sizes, rounds, isFull } = parseOptions(["--quick", "--single-updates=7"]);
  assert.equal(sizes.singleUpdates, 7);
  assert.ok(sizes.gets < FULL_SIZES.gets);
  assert.equal(rounds, 1);
  assert.equal(isFull, false);
});

Deno.test("on a database server etcd takes part only if it is named", () => {
  assert.deepEqual(parseOptions(["--store=postgres"]).servers, ["rhino", "kine"]);
  const { servers, store } = parseOptions(["--store", "mysql", "--servers", "rhino,kine,etcd"]);
  assert.deepEqual(servers, ["rhino", "kine", "etcd"]);
  assert.equal(store, "mysql");
});

Deno.test("kine keeps its default of connections unless they are limited", () => {
  assert.equal(parseOptions(["--store=postgres"]).kineConnections, 0);
  assert.equal(parseOptions(["--store=postgres", "--kine-connections=5"]).kineConnections, 5);
});

Deno.test("--growth has sizes of its own", () => {
  assert.deepEqual(parseOptions(["--growth"]).growth, { updates: 2_000_000, keys: 1_000 });
  const { growth } = parseOptions(["--growth", "--updates=500", "--keys=200"]);
  assert.deepEqual(growth, { updates: 500, keys: 200 });
  assert.throws(() => parseOptions(["--growth", "--keys=10"]), /--keys must be at least 128: 10/);
  assert.throws(() => parseOptions(["--growth", "--rounds=2"]), /--rounds has no meaning/);
  assert.throws(() => parseOptions(["--keys=200"]), /--keys is a flag of --growth only/);
});

Deno.test("a wrong flag is refused with what was expected", () => {
  assert.throws(() => parseOptions(["--rounds=0"]), /--rounds must be a whole number from 1: 0/);
  assert.throws(() => parseOptions(["--servers=rhino,redis"]), /some of rhino,etcd,kine: redis/);
  assert.throws(() => parseOptions(["--memory-keys=1"]), /--memory-keys must be at least 5000: 1/);
  assert.throws(() => parseOptions(["--speed"]), /--speed/);
  assert.throws(() => parseOptions(["--store=oracle"]), /one of sqlite,postgres,mysql: oracle/);
});

Deno.test("the help names every size", () => {
  assert.match(helpText(), /--watched-keys N \(1000\)/);
});

Deno.test("Rhino is started with the flags of the task start", () => {
  const { args } = startCommand();
  const command = project.tasks.start.command.split(" && ").at(-1) ?? "";
  const flags = command.split(" ").filter((word) => /^-(?!-lock=)/.test(word));
  assert.ok(flags.length > 2);
  for (const flag of flags) assert.ok(args.includes(flag), flag);
});
