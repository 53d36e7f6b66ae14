/** Where a server's log goes, and what is in it. */

import assert from "node:assert/strict";
import { RhinoProcess, runRhino, temporaryFolder } from "./rhino_process.ts";

const IN_MEMORY = ["--listen-address", "127.0.0.1:0", "--endpoint", "memory://"];

Deno.test("--log-outputs: a file has every line of standard error", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/logs/etcd.log`;
  const args = [...IN_MEMORY, `--log-outputs=stderr,${path}`, "--enable-log-rotation"];
  await using rhino = new RhinoProcess({ args });
  await rhino.address();
  rhino.kill("SIGTERM");
  await rhino.status();
  assert.match(rhino.lines.at(-1) ?? "", /INFO stopped$/);
  assert.deepEqual((await Deno.readTextFile(path)).trimEnd().split("\n"), rhino.lines);
});

Deno.test("--log-outputs=systemd/journal marks each line with its level", async () => {
  await using rhino = new RhinoProcess({
    args: [...IN_MEMORY, "--log-outputs=systemd/journal"],
    env: { ETCD_UNKNOWN: "1" },
  });
  await rhino.address();
  assert.match(await rhino.line("unknown environment variable"), /^<4>\S+ WARN /);
  assert.match(await rhino.line("ready to serve"), /^<6>\S+ INFO /);
});

Deno.test("--log-outputs: a file that cannot be opened ends the start", async () => {
  const { code, stderr } = await runRhino({ args: [...IN_MEMORY, "--log-outputs=/proc/no/a.log"] });
  assert.equal(code, 1);
  assert.match(stderr, /^Cannot start: Cannot open the log file "\/proc\/no\/a\.log": .+\n$/);
});

Deno.test("a failed start is told at every level, to people", async () => {
  const args = ["--listen-address=127.0.0.1:0", "--endpoint=/proc/rhino/state.db"];
  const { code, stderr } = await runRhino({ args: [...args, "--log-level=panic"] });
  assert.equal(code, 1);
  assert.match(stderr, /^Cannot start: Cannot open "\/proc\/rhino\/state\.db": .+\n$/);
});

Deno.test("secrets are in no line, however the settings are given", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/c.yaml`;
  await Deno.writeTextFile(file, `endpoint: "postgres://u:hunter2@127.0.0.1:1/d?sslmode=hunter"`);
  const runs = [
    {
      args: [],
      env: { KINE_ENDPOINT: "mysql://u:hunter2@tcp(127.0.0.1:1)/d?ssl-mode=x&password=hunter2" },
    },
    {
      args: [
        "--discovery-password=hunter2",
        "--s3-secret-key=hunter2",
        "--endpoint=ora://a:hunter2@b",
      ],
    },
    { args: [`--config-file=${file}`] },
    { args: ["health", "--endpoint=http://u:hunter2@127.0.0.1:1"] },
    { args: ["--config-file=/postgres://u:hunter2@h"] },
  ];
  for (const { args, env = {} } of runs) {
    const { code, stdout, stderr } = await runRhino({ args: [...args, "--log-level=debug"], env });
    assert.notEqual(code, 0);
    assert.ok(stderr.length > 0 && !(stdout + stderr).includes("hunter2"), stdout + stderr);
  }
});
