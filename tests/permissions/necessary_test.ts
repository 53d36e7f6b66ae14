/**
 * What `rhino permissions` prints is not too much: servers whose configurations make use of everything are started once for
 * each value, without it, and something does not work.
 */

import assert from "node:assert/strict";
import type { RhinoProcess } from "../cli/rhino_process.ts";
import { makeCertificates, whyNoCertificates } from "../support/certificates.ts";
import { runCommand } from "../support/databases/client_command.ts";
import { freePorts } from "../support/free_port.ts";
import { eventually } from "../support/polling.ts";
import { exercise } from "./exercise.ts";
import { ask } from "./gateway_client.ts";
import { flagsFor, refusals, startRestricted, stop } from "./restricted_server.ts";

/** Longest wait for what follows a start. */
const TOLD_MS_MAX = 3_000;

/** A configuration in a folder. */
interface Case {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Called before each start. */
  readonly reset?: () => void;
  /** @throws if something does not work */
  readonly use: (server: RhinoProcess) => Promise<void>;
}

/** Whether a server of the case does all that it should with these flags. */
async function works(subject: Case, flags: readonly string[]): Promise<boolean> {
  const { use, reset, ...options } = subject;
  reset?.();
  await using server = await startRestricted(options, flags);
  try {
    await server.address();
    await use(server);
    await stop(server);
    return refusals(server).length === 0;
  } catch {
    return false;
  }
}

/** The flags, once without each value that they allow, by the value. */
function withoutEach(flags: readonly string[]): Map<string, string[]> {
  const result = new Map<string, string[]>();
  for (const flag of flags) {
    const [, name = "", list = ""] = /^(--allow-\w+)=(.*)$/.exec(flag) ?? [];
    // What code may be fetched from is nobody.
    if (name === "" || name === "--allow-import") continue;
    const values = list.split(",");
    for (const value of values) {
      const rest = values.filter((other) => other !== value);
      const fewer = rest.length === 0 ? [] : [`${name}=${rest.join(",")}`];
      result.set(`${name}=${value}`, flags.flatMap((one) => one === flag ? fewer : [one]));
    }
  }
  return result;
}

/** @param but values that the case makes no use of */
async function assertAllNeeded(subject: Case, but = /^$/): Promise<void> {
  subject.reset?.();
  const flags = await flagsFor(subject);
  assert.equal(await works(subject, flags), true, "with all of them it works");
  const needless: string[] = [];
  for (const [value, fewer] of withoutEach(flags)) {
    if (but.test(value)) continue;
    if (await works(subject, fewer)) needless.push(value);
  }
  assert.deepEqual(needless, []);
}

/** All settings by variables, of each prefix one that matters. */
async function everything(made: AsyncDisposableStack): Promise<Case> {
  const { authority, server: { cert, key }, alice, dir } = made.use(await makeCertificates());
  const { pem } = await authority.revoke(alice);
  const [publicKey, privateKey] = [`${dir}/public`, `${dir}/private`];
  await runCommand("openssl", { args: ["ec", "-in", key, "-pubout", "-out", publicKey] });
  await runCommand("openssl", { args: ["ec", "-in", key, "-out", privateKey] });
  const supervisor = made.adopt(
    Deno.listenDatagram({ transport: "unixpacket", path: `${dir}/notify` }),
    (socket) => socket.close(),
  );
  const told = new Set<string>();
  (async () => {
    for await (const [bytes] of supervisor) told.add(new TextDecoder().decode(bytes));
  })();
  const [port = 0, metricsPort = 0] = await freePorts(2);
  Deno.mkdirSync(`${dir}/temporary`);
  return {
    cwd: dir,
    args: [],
    env: {
      NOTIFY_SOCKET: `${dir}/notify`,
      TMPDIR: `${dir}/temporary`,
      RHINO_ENDPOINT: "memory://",
      ETCD_LISTEN_CLIENT_URLS: `https://127.0.0.1:${port},unixs://${dir}/socket`,
      KINE_METRICS_BIND_ADDRESS: `127.0.0.1:${metricsPort}`,
      RHINO_CERT_FILE: cert,
      RHINO_KEY_FILE: key,
      RHINO_CLIENT_CRL_FILE: pem,
      RHINO_AUTH_TOKEN: `jwt,sign-method=ES256,pub-key=${publicKey},priv-key=${privateKey}`,
    },
    reset: () => told.clear(),
    async use() {
      await exercise(
        { url: `https://127.0.0.1:${port}` },
        { url: `https://127.0.0.1:${metricsPort}` },
      );
      await ask({ url: "https://localhost", socketPath: `${dir}/socket` }, "/health");
      const isTold = () => Promise.resolve(told.has("READY=1\n"));
      await eventually("systemd is told", isTold, { timeoutMs: TOLD_MS_MAX });
    },
  };
}

const noCertificates = whyNoCertificates();

Deno.test({
  name: "permissions: each is needed where listeners, keys, systemd and variables are used" +
    (noCertificates === undefined ? "" : ` (ignored: ${noCertificates})`),
  ignore: noCertificates !== undefined,
  async fn() {
    await using made = new AsyncDisposableStack();
    await assertAllNeeded(await everything(made));
  },
});

Deno.test("permissions: each is needed where files are used", async () => {
  const cwd = await Deno.makeTempDir({ prefix: "rhino-rights-" });
  const [port = 0] = await freePorts(1);
  Deno.mkdirSync(`${cwd}/log`);
  Deno.mkdirSync(`${cwd}/other`);
  Deno.mkdirSync(`${cwd}/db/fixtures`, { recursive: true });
  Deno.symlinkSync(`${cwd}/other/real.db`, `${cwd}/db/state.db`);
  const rotation = { maxsize: 1, maxbackups: 1, compress: true };
  Deno.writeTextFileSync(
    `${cwd}/rhino.json`,
    JSON.stringify({
      endpoint: "db/state.db",
      "listen-client-urls": `https://127.0.0.1:${port}`,
      "client-transport-security": { "auto-tls": true },
      "log-outputs": ["stderr", "log/rhino.log"],
      "enable-log-rotation": true,
      "log-rotation-config-json": JSON.stringify(rotation),
    }),
  );
  const line = `${"x".repeat(1024 * 1024 - 1)}\n`;
  await assertAllNeeded({
    cwd,
    env: {},
    args: ["--config-file=rhino.json"],
    reset() {
      Deno.removeSync(`${cwd}/db/fixtures`, { recursive: true });
      Deno.mkdirSync(`${cwd}/db/fixtures`);
      for (const name of ["other", "log"]) {
        Deno.removeSync(`${cwd}/${name}`, { recursive: true });
        Deno.mkdirSync(`${cwd}/${name}`);
      }
      Deno.writeTextFileSync(`${cwd}/other/real.db`, "");
      Deno.writeTextFileSync(`${cwd}/log/rhino.log`, line);
    },
    async use() {
      await exercise({ url: `https://127.0.0.1:${port}` });
      const isCompressed = () =>
        Promise.resolve(
          [...Deno.readDirSync(`${cwd}/log`)].some(({ name }) => name.endsWith(".gz")),
        );
      await eventually("the log was put aside", isCompressed, { timeoutMs: TOLD_MS_MAX });
    },
  }, /^--allow-env=/);
  await Deno.remove(cwd, { recursive: true });
});
