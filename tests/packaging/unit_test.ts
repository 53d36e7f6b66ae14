/** The unit for systemd: what systemd's own tools say of it, and its command line and variables, run. */

import assert from "node:assert/strict";
import { SUBCOMMANDS } from "../../src/cli/subcommands.ts";
import { RhinoProcess, runRhino, temporaryFolder } from "../cli/rhino_process.ts";
import { runCommand } from "../support/databases/client_command.ts";
import { missingExecutables } from "../support/databases/executables.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { freePorts } from "../support/free_port.ts";
import { readText, ROOT } from "../tidy/source_tree.ts";
import { coveredBy } from "./rights.ts";

/** Of 100; systemd calls less than 20 "safe", and a unit that says nothing has 96. */
const EXPOSURE_MAX = 20;

const WHY_NOT = Deno.env.get("CI") !== "true" && missingExecutables(["systemd-analyze"]).length > 0
  ? "needs systemd-analyze"
  : undefined;

/** The values of a setting, with continued lines joined. */
function settings(unit: string, name: string): string[] {
  const lines = unit.replaceAll(/\\\n\s*/g, "").split("\n");
  return lines.filter((line) => line.startsWith(`${name}=`)).map((line) =>
    line.slice(name.length + 1)
  );
}

const UNIT = readText("packaging/rhino.service");

function environment(unit: string): Record<string, string> {
  const assignments = settings(unit, "Environment").flatMap((line) => line.split(" "));
  return Object.fromEntries(assignments.map((one) => {
    const [name = "", ...value] = one.split("=");
    return [name, value.join("=")];
  }));
}

Deno.test({
  name: `rhino.service: systemd takes it, and finds it confined${
    WHY_NOT ? ` (ignored: ${WHY_NOT})` : ""
  }`,
  ignore: WHY_NOT !== undefined,
  async fn() {
    await using folder = await temporaryFolder();
    const path = `${folder.path}/rhino.service`;
    await Deno.writeTextFile(path, UNIT.replaceAll("/usr/local/bin/deno", Deno.execPath()));
    const analyze = (...args: string[]) => runCommand("systemd-analyze", { args });
    assert.equal(await analyze("verify", "--man=no", path), "");
    await analyze("security", "--offline=true", `--threshold=${EXPOSURE_MAX}`, path);
    // Both tell what is wrong where something is.
    await Deno.writeTextFile(path, "[Service]\nExecStart=/bin/true\nType=notfy\n");
    await assert.rejects(
      analyze("security", "--offline=true", `--threshold=${EXPOSURE_MAX}`, path),
    );
    assert.match(
      (await new Deno.Command("systemd-analyze", { args: ["verify", path] }).output())
        .stderr.reduce((text, byte) => text + String.fromCharCode(byte), ""),
      /notfy/,
    );
  },
});

Deno.test("rhino.service: its command line serves, says when, and needs no more rights than it has", async () => {
  await using folder = await temporaryFolder();
  const [port, metricsPort] = await freePorts(2);
  await Deno.mkdir(`${folder.path}/run`);
  await Deno.mkdir(`${folder.path}/state`);
  const unit = UNIT.replaceAll("/usr/local/bin/deno", Deno.execPath())
    .replaceAll("/opt/rhino/.deno", "")
    .replaceAll("/opt/rhino/", ROOT).replaceAll("/opt/rhino", ROOT)
    .replaceAll("/var/lib/rhino", `${folder.path}/state`)
    .replaceAll("/run/systemd", `${folder.path}/run`)
    .replaceAll(":2379", `:${port}`).replaceAll(":2381", `:${metricsPort}`);
  await using cleanup = new AsyncDisposableStack();
  const socket = `${folder.path}/run/notify`;
  const supervisor = Deno.listenDatagram({ transport: "unixpacket", path: socket });
  cleanup.defer(() => supervisor.close());
  const receive = async () => new TextDecoder().decode((await supervisor.receive())[0]);
  const { DENO_DIR: _, ...env } = environment(unit);
  const command = settings(unit, "ExecStart")[0]?.split(/\s+/) ?? [];
  await using rhino = new RhinoProcess({
    args: [],
    command,
    env: { ...env, NOTIFY_SOCKET: socket },
    cwd: `${folder.path}/state`,
  });
  assert.equal(await receive(), "READY=1\n");
  {
    using client = new EtcdClient(`127.0.0.1:${port}`);
    await client.kv.put({ key: "a", value: "1" });
    const { kvs } = await client.kv.range({ key: "a" });
    assert.equal(kvs.length, 1);
    await client.auth.userAdd({ name: "alice", password: "secret" });
  }
  const ready = await fetch(`http://127.0.0.1:${metricsPort}/readyz`);
  assert.equal(ready.status, 200, await ready.text());
  rhino.kill("SIGTERM");
  assert.equal(await receive(), "STOPPING=1\n");
  assert.equal((await rhino.status()).code, 0);
  const complaints = rhino.lines.filter((line) => / (WARN|ERROR) /.test(line));
  assert.deepEqual(complaints.filter((line) => !line.includes("took too long")), []);
});

Deno.test({
  name: "rhino.service: has the rights that rhino permissions prints for its variables",
  ignore: !("permissions" in SUBCOMMANDS),
  async fn() {
    const { DENO_DIR: _, ...env } = environment(UNIT);
    const { code, stdout, stderr } = await runRhino({
      args: ["permissions", "--json"],
      env: { ...env, NOTIFY_SOCKET: "/run/systemd/notify" },
    });
    assert.equal(code, 0, stderr);
    const needed = (JSON.parse(stdout) as string[]).map((flag) =>
      flag.replaceAll(ROOT, "/opt/rhino/")
    );
    const given = settings(UNIT, "ExecStart")[0]?.split(/\s+/) ?? [];
    assert.deepEqual(needed.flatMap((flag) => coveredBy(given, flag)), []);
  },
});
