import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Config, type ListenUrl, makeConfig } from "../config.ts";
import { denoFlags, shellWord } from "./deno_flags.ts";
import { joined, type Permissions, permissionsOf } from "./permissions.ts";

const THREAD = fileURLToPath(new URL("../auth/bcrypt_worker.ts", import.meta.url));
const OWN = "/tmp/rhino-0.0.0.0-2379";

const BACKENDS = fileURLToPath(new URL("../../backends/", import.meta.url));

/** What a server in memory on all interfaces needs. */
const LEAST: Permissions = {
  net: ["0.0.0.0:2379"],
  read: [OWN, THREAD],
  write: [OWN],
  env: ["TMPDIR", "NOTIFY_SOCKET"],
  sys: ["hostname"],
  import: [],
};

interface Around {
  readonly env?: Record<string, string>;
  readonly folders?: readonly string[];
}

function permissions(
  config: Partial<Config>,
  { env = {}, folders = [] }: Around = {},
): Promise<Permissions> {
  return permissionsOf(makeConfig({ endpoint: "memory:", ...config }), {
    env: (name) => env[name],
    realPath: (path) => path,
    isFolder: (path) => folders.includes(path),
    lookup: (name) => Promise.resolve(name === "localhost" ? ["127.0.0.1", "::1"] : []),
    temporary: env["TMPDIR"] || "/tmp",
  });
}

/** What the configuration needs besides. */
async function assertMore(
  config: Partial<Config>,
  more: Partial<Permissions>,
  around?: Around,
): Promise<void> {
  const found = await permissions(config, around);
  for (const kind of Object.keys(LEAST) as (keyof Permissions)[]) {
    const expected = [...LEAST[kind], ...more[kind] ?? []];
    assert.deepEqual(
      [...found[kind]].sort(),
      expected.sort(),
      `${kind} of ${JSON.stringify(config)}`,
    );
  }
}

const HTTPS: ListenUrl = { scheme: "https", host: "0.0.0.0", port: 2379 };

Deno.test("permissionsOf() lists what each setting needs", async () => {
  await assertMore({}, {});
  await assertMore({ listenMetricsUrls: [{ scheme: "http", host: "::1", port: 0 }] }, {
    net: ["[::1]:0"],
  });
  await assertMore({ listenClientHttpUrls: [{ scheme: "unix", host: "/run/s", port: 0 }] }, {
    net: ["unix:/run/s"],
    read: ["/run/s"],
    write: ["/run/s"],
  });
  await assertMore({ listenMetricsUrls: [{ scheme: "http", host: "localhost", port: 1 }] }, {
    net: ["localhost:1", "127.0.0.1:1", "[::1]:1"],
  });
  const files = { certFile: "c", keyFile: "k", trustedCaFile: "ca", clientCrlFile: "crl" };
  await assertMore(files, {});
  await assertMore({ ...files, listenClientUrls: [HTTPS] }, { read: ["c", "k", "ca", "crl"] });
  await assertMore({ autoTls: true, listenClientUrls: [HTTPS] }, {
    read: ["db/fixtures/client"],
    write: ["db/fixtures/client"],
  });
  await assertMore({ authToken: "jwt,sign-method=RS256,pub-key=p,priv-key=q" }, {
    read: ["p", "q"],
  });
  await assertMore({ authToken: "jwt,sign-method" }, {});
  await assertMore({ logOutputs: ["stdout", "log/a"] }, { write: ["log"] });
  await assertMore({ logOutputs: ["log/a"] }, { write: ["log/a"] }, { folders: ["log"] });
  const logRotation = { maxSize: 0, maxAge: 0, maxBackups: 0, localTime: true, compress: true };
  await assertMore({ logOutputs: ["log/a"], logRotation }, { read: ["log"], write: ["log"] });
});

Deno.test("permissionsOf() follows the environment", async () => {
  const { read, env } = await permissions({}, { env: { TMP: "/t", TMPDIR: "" } });
  assert.deepEqual([read[0], env], [OWN, ["TMP", "NOTIFY_SOCKET"]]);
  await assertMore({}, {
    net: ["unix:/run/notify", `unix:${OWN}/notify.sock`],
    write: ["/run/notify"],
  }, { env: { NOTIFY_SOCKET: "/run/notify" } });
  // A socket without a file cannot be named.
  await assertMore({}, {}, { env: { NOTIFY_SOCKET: "@abstract" } });
});

Deno.test("permissionsOf() a store with a folder needs no other", async () => {
  const { read, write, env } = await permissions({ endpoint: "/data/db/state.db" });
  assert.deepEqual(write, ["/data/db"]);
  assert.deepEqual(read.filter((path) => !path.endsWith(".ts")), ["/data/db"]);
  assert.deepEqual(env, ["NOTIFY_SOCKET"]);
});

Deno.test("permissionsOf() a module of somebody else needs what loads it", async () => {
  const source = (url: string) => ({
    endpoint: "redis://h:1",
    backends: [{ scheme: "redis", url, integrity: "" }, { scheme: "x", url: "/x", integrity: "" }],
  });
  const [net, read] = [["h:1"], [BACKENDS]];
  await assertMore(source("https://example.org/mod.ts"), {
    net: [...net, "example.org:443"],
    read,
  });
  await assertMore(source("http://[::1]:8/mod.ts"), { net: [...net, "[::1]:8"], read });
  await assertMore(source("file:///a/mod.ts"), { net, read: [...read, "/a"] });
  await assertMore(source("modules/mod.ts"), { net, read: [...read, "modules"] });
  await assertMore(source("npm:a@1"), { net, read });
  await assertMore({ sandbox: true }, { read });
});

Deno.test("joined() leaves out what lies in a folder of the list, and what is there already", () => {
  const read = ["a/b", "a", "./a", "ab", "/c/d/e", "/c/d", "a/../a/f"];
  assert.deepEqual(joined([{ read }]).read, ["a", "ab", "/c/d"]);
  assert.deepEqual(joined([{ read: ["."] }, { read: ["x/y"] }]).read, ["."]);
});

Deno.test("denoFlags() names every kind, and refuses what cannot stand in a flag", () => {
  assert.deepEqual(denoFlags({ ...LEAST, read: [], write: ["a b"] }), [
    "--no-prompt",
    "--allow-net=0.0.0.0:2379",
    "--allow-write=a b",
    "--allow-env=TMPDIR,NOTIFY_SOCKET",
    "--allow-sys=hostname",
    "--ignore-env",
    "--allow-import=none.invalid",
  ]);
  assert.throws(() => denoFlags({ ...LEAST, read: ["a,b"] }), /cannot name "a,b"/);
});

Deno.test("shellWord() quotes what a shell would read otherwise", () => {
  assert.equal(shellWord("--allow-net=[::]:1,0.0.0.0:2"), "--allow-net=[::]:1,0.0.0.0:2");
  assert.equal(shellWord("--allow-env=RHINO_*"), "--allow-env=RHINO_*");
  assert.equal(shellWord("--allow-read=a b"), "'--allow-read=a b'");
  assert.equal(shellWord("--allow-read=it's $HOME"), "'--allow-read=it'\\''s $HOME'");
});
