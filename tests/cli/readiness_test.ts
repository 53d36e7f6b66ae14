/** What systemd is told by a unit of `Type=notify`. */

import assert from "node:assert/strict";
import { RhinoProcess, temporaryFolder } from "./rhino_process.ts";

const IN_MEMORY = ["--listen-address", "127.0.0.1:0", "--endpoint", "memory://"];

Deno.test("systemd is told when the server is ready, and when it stops", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/notify`;
  const supervisor = Deno.listenDatagram({ transport: "unixpacket", path });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => supervisor.close());
  const receive = async () => new TextDecoder().decode((await supervisor.receive())[0]);
  await using rhino = new RhinoProcess({
    args: IN_MEMORY,
    env: { NOTIFY_SOCKET: path, TMPDIR: folder.path },
  });
  assert.equal(await receive(), "READY=1\n");
  await rhino.address();
  rhino.kill("SIGTERM");
  assert.equal(await receive(), "STOPPING=1\n");
  assert.equal((await rhino.status()).code, 0);
  const left = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  assert.deepEqual(left, ["notify"]);
});

Deno.test("a supervisor that cannot be told is a warning, and the server serves", async () => {
  await using rhino = new RhinoProcess({ args: IN_MEMORY, env: { NOTIFY_SOCKET: "/not/there" } });
  await rhino.line('WARN Cannot tell systemd about the state state="READY=1"');
  assert.match(await rhino.address(), /^127\.0\.0\.1:\d+$/);
});
