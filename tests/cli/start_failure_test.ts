/** A server that cannot start says why in one line, without a stack trace, and ends with a code that tells the kind. */

import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { RhinoProcess, type RunOptions, runRhino, temporaryFolder } from "./rhino_process.ts";

async function assertUsage(options: RunOptions, line: string): Promise<void> {
  assert.deepEqual(await runRhino(options), { code: 2, stdout: "", stderr: `${line}\n` });
}

async function assertFails(options: RunOptions, pattern: RegExp): Promise<void> {
  const { code, stdout, stderr } = await runRhino(options);
  assert.match(stderr, pattern);
  assert.match(stderr, /^[^\n]+\n$/, "one line");
  assert.deepEqual([code, stdout], [1, ""]);
}

const FREE_PORT = ["--listen-address", "127.0.0.1:0"];

Deno.test("a wrong flag ends the start with its name and the nearest one", async () => {
  await assertUsage(
    { args: ["--listen-adress", "127.0.0.1:0"] },
    "Cannot start: unknown flag --listen-adress; did you mean --listen-address?",
  );
});

Deno.test("a wrong value ends the start with what was expected", async () => {
  await assertUsage(
    { args: ["--compact-interval", "abc"] },
    'Cannot start: --compact-interval is "abc": expected seconds or a duration such as 300s',
  );
  await assertUsage(
    { args: [], env: { RHINO_LOG_LEVEL: "loud" } },
    'Cannot start: RHINO_LOG_LEVEL is "loud": expected one of debug, info, warn, error, panic, fatal',
  );
});

Deno.test("a port in use ends the start", async () => {
  const { server, port } = await listenSomewhere();
  try {
    await assertFails(
      { args: ["--listen-address", `127.0.0.1:${port}`, "--endpoint", "memory://"] },
      new RegExp(` ERROR Cannot listen on 127.0.0.1:${port}: address already in use\n$`),
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

Deno.test("a port in use leaves the database as it was for the server that follows", async () => {
  await using folder = await temporaryFolder();
  const { server, port } = await listenSomewhere();
  const endpoint = `${folder.path}/state.db`;
  await runRhino({ args: ["--listen-address", `127.0.0.1:${port}`, "--endpoint", endpoint] });
  await new Promise((resolve) => server.close(resolve));
  await using rhino = new RhinoProcess({ args: [...FREE_PORT, "--endpoint", endpoint] });
  assert.match(await rhino.address(), /^127\.0\.0\.1:\d+$/);
});

Deno.test("an address that is not this machine's ends the start", async () => {
  await assertFails(
    { args: ["--listen-address", "192.0.2.1:2379", "--endpoint", "memory://"] },
    / ERROR Cannot listen on 192\.0\.2\.1:2379: this machine has no such address\n$/,
  );
});

Deno.test("an endpoint that is a folder ends the start", async () => {
  await using folder = await temporaryFolder();
  await assertFails(
    { args: [...FREE_PORT, "--endpoint", folder.path] },
    / ERROR Cannot open "[^"]+": it is a directory\n$/,
  );
});

Deno.test("an endpoint that is no database, or another program's, ends the start and stays as it is", async () => {
  await using folder = await temporaryFolder();
  const text = `${folder.path}/notes.txt`;
  await Deno.writeTextFile(text, "not a database, ".repeat(100));
  await assertFails(
    { args: [...FREE_PORT, "--endpoint", text] },
    / ERROR Cannot open "[^"]+": .*not a (SQLite )?database/,
  );
  assert.equal(await Deno.readTextFile(text), "not a database, ".repeat(100));

  const other = `${folder.path}/other.db`;
  const database = new DatabaseSync(other);
  database.exec("CREATE TABLE t (a)");
  database.close();
  const before = await Deno.readFile(other);
  await assertFails(
    { args: [...FREE_PORT, "--endpoint", `sqlite://${other}`] },
    / ERROR Cannot open "[^"]+": it is not a Rhino database\n$/,
  );
  assert.deepEqual(await Deno.readFile(other), before);
});

Deno.test("an endpoint that cannot be written ends the start", async () => {
  // The superuser may write anywhere but in the kernel's own file systems.
  await assertFails(
    { args: [...FREE_PORT, "--endpoint", "/proc/rhino/state.db"] },
    / ERROR Cannot open "\/proc\/rhino\/state\.db": .+\n$/,
  );
});

Deno.test("an endpoint that another server holds ends the start", async () => {
  await using folder = await temporaryFolder();
  const args = [...FREE_PORT, "--endpoint", `${folder.path}/state.db`];
  await using rhino = new RhinoProcess({ args });
  await rhino.address();
  await assertFails({ args }, / ERROR Cannot open "[^"]+": .+\n$/);
});

Deno.test("an endpoint of an unknown scheme ends the start, and its password is told to nobody", async () => {
  const { code, stderr } = await runRhino({
    args: [...FREE_PORT, "--endpoint", "oracle://scott:tiger@host/db"],
  });
  assert.equal(code, 1);
  assert.match(stderr, / ERROR Cannot open backend: unknown scheme "oracle:".+\n$/);
  assert.ok(!stderr.includes("tiger"));
});

Deno.test("a stack trace comes at --log-level debug alone", async () => {
  const args = [...FREE_PORT, "--endpoint", "/proc/rhino/state.db"];
  const { stderr } = await runRhino({ args: [...args, "--log-level", "debug"] });
  assert.match(stderr, / DEBUG the start failed at .*stack=/);
});

function listenSomewhere(): Promise<{ server: Server; port: number }> {
  const { promise, resolve } = Promise.withResolvers<{ server: Server; port: number }>();
  const server = createServer();
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    resolve({ server, port: address.port });
  });
  return promise;
}
