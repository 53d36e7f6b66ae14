import assert from "node:assert/strict";
import project from "../deno.json" with { type: "json" };
import { helpText, parseOptions } from "./options.ts";
import { startCommand } from "./servers.ts";
import { FULL_SIZES } from "./sizes.ts";

Deno.test("without flags the benchmark takes three rounds of every server in full size", () => {
  assert.deepEqual(parseOptions([]), {
    rounds: 3,
    servers: ["rhino", "etcd", "kine"],
    sizes: FULL_SIZES,
    isFull: true,
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

Deno.test("a wrong flag is refused with what was expected", () => {
  assert.throws(() => parseOptions(["--rounds=0"]), /--rounds must be a whole number from 1: 0/);
  assert.throws(() => parseOptions(["--servers=rhino,redis"]), /some of rhino,etcd,kine: redis/);
  assert.throws(() => parseOptions(["--memory-keys=1"]), /--memory-keys must be at least 5000: 1/);
  assert.throws(() => parseOptions(["--speed"]), /--speed/);
});

Deno.test("the help names every size", () => {
  assert.match(helpText(), /--watched-keys N \(1000\)/);
});

Deno.test("Rhino is started with the flags of the task start", () => {
  const { args } = startCommand();
  const flags = project.tasks.start.command.split(" ").filter((word) => word.startsWith("-"));
  assert.ok(flags.length > 0);
  for (const flag of flags) assert.ok(args.includes(flag), flag);
});
