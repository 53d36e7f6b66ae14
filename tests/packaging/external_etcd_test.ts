/** docs/deploying.md: the certificates and the server that it tells to make, used as kube-apiserver uses its etcd. */

import assert from "node:assert/strict";
import { parse } from "yaml";
import { RhinoProcess, temporaryFolder } from "../cli/rhino_process.ts";
import { blocksOf, examplesIn } from "../docs/blocks.ts";
import { whyNoCertificates } from "../support/certificates.ts";
import { runCommand } from "../support/databases/client_command.ts";
import { freePorts } from "../support/free_port.ts";
import { oracleTools, whyNoOracle } from "../support/oracle.ts";

const DOCUMENT = "docs/deploying.md";
const WHY_NOT = whyNoCertificates() ?? await whyNoOracle();

/** The address and files that the document gives to kube-apiserver, as etcdctl takes them. */
interface EtcdFlags {
  readonly endpoints: string;
  readonly cacert: string;
  readonly cert: string;
  readonly key: string;
}

function commandsOfGuide(): string[] {
  const blocks = blocksOf(DOCUMENT).filter(({ info }) => info === "console");
  return blocks.flatMap(examplesIn).map(({ command }) => command);
}

function flagsOfApiserver(): EtcdFlags {
  const block = blocksOf(DOCUMENT).find(({ text }) => text.startsWith("kube-apiserver "));
  const flag = (name: string) =>
    new RegExp(`--etcd-${name}=(\\S+)`).exec(block?.text ?? "")?.[1] ?? assert.fail(name);
  return {
    endpoints: flag("servers"),
    cacert: flag("cafile"),
    cert: flag("certfile"),
    key: flag("keyfile"),
  };
}

Deno.test("deploying.md: kubeadm is told the same as kube-apiserver", () => {
  const block = blocksOf(DOCUMENT).find(({ info }) => info === "yaml");
  const { etcd: { external } } = parse(block?.text ?? "");
  assert.deepEqual(flagsOfApiserver(), {
    endpoints: external.endpoints.join(","),
    cacert: external.caFile,
    cert: external.certFile,
    key: external.keyFile,
  });
});

Deno.test({
  name: `deploying.md: the server of the guide serves as kube-apiserver needs it${
    WHY_NOT ? ` (ignored: ${WHY_NOT})` : ""
  }`,
  ignore: WHY_NOT !== undefined,
  fn: driveAsApiserver,
});

async function driveAsApiserver(): Promise<void> {
  await using folder = await temporaryFolder();
  const [port, metricsPort] = await freePorts(2);
  const own = (text: string) =>
    text.replaceAll(":2379", `:${port}`).replaceAll(":2381", `:${metricsPort}`);
  const commands = commandsOfGuide();
  const isServer = (command: string) => command.startsWith("rhino ");
  const making = commands.slice(0, commands.findIndex(isServer));
  await runCommand("bash", { args: ["-ec", making.join("\n")], cwd: folder.path });
  const [, ...args] = own(commands.find(isServer) ?? "").replace(/ &$/, "").split(/\s+/);
  const start = () => new RhinoProcess({ args, cwd: folder.path });
  let rhino = start();
  try {
    await rhino.line("serving client traffic securely");
    const { etcdctl } = await oracleTools();
    const { endpoints, ...files } = flagsOfApiserver();
    const flags = Object.entries(files).map(([name, path]) => `--${name}=${folder.path}/${path}`);
    const ctl = new Apiserver(etcdctl, [`--endpoints=${own(endpoints)}`, ...flags]);
    await using watch = ctl.watch("/registry/");
    const created = await ctl.create("/registry/configmaps/default/a", "1");
    assert.equal(created.succeeded, true);
    assert.equal((await ctl.create("/registry/configmaps/default/a", "2")).succeeded, false);
    const updated = await ctl.update("/registry/configmaps/default/a", "2", created.revision);
    assert.equal(updated.succeeded, true);
    const stale = await ctl.update("/registry/configmaps/default/a", "3", created.revision);
    assert.equal(stale.succeeded, false, "an update of what has changed since it was read");
    await watch.until(/^2$/m);
    await watch.progress();
    await watch.until(new RegExp(`progress notify: ${updated.revision}`));

    // Rhino is restarted under it: the client comes back and goes on where it was.
    rhino.kill("SIGTERM");
    assert.equal((await rhino.status()).code, 0);
    rhino = start();
    await rhino.line("serving client traffic securely");
    const event = ["event", "--lease", await ctl.grant(60)];
    await ctl.run(["put", "/registry/events/default/e", ...event]);
    await watch.until(/^event$/m);
    // As its compactor does: the one of several servers that changes the key compacts.
    const turn = await ctl.create("compact_rev_key", String(updated.revision));
    assert.equal(turn.succeeded, true);
    await ctl.run(["compact", String(updated.revision)]);
    const past = await ctl.fails(["get", "/registry/", "--prefix", `--rev=${created.revision}`]);
    assert.match(past, /required revision has been compacted/);
    const list = await ctl.run(["get", "/registry/", "--prefix", "--count-only", "-w", "fields"]);
    assert.match(list, /"Count" : 2/);
    assert.match(await ctl.without("--cert", ["endpoint", "health"]), /unhealthy/);
  } finally {
    await rhino[Symbol.asyncDispose]();
  }
}

interface Outcome {
  readonly succeeded: boolean;
  readonly revision: number;
}

/** kube-apiserver's requests, by etcdctl, which has the same client in it. */
class Apiserver {
  readonly #etcdctl: string;
  readonly #flags: readonly string[];

  constructor(etcdctl: string, flags: readonly string[]) {
    this.#etcdctl = etcdctl;
    this.#flags = flags;
  }

  async run(args: readonly string[]): Promise<string> {
    return await runCommand(this.#etcdctl, { args: [...this.#flags, ...args] });
  }

  async fails(args: readonly string[]): Promise<string> {
    const failure = await this.run(args).then(() => undefined, (error: Error) => error.message);
    return failure ?? assert.fail(`${args.join(" ")} succeeded`);
  }

  /** What it complains of without one of the flags. */
  async without(flag: string, args: readonly string[]): Promise<string> {
    const flags = this.#flags.filter((one) =>
      !one.startsWith(`${flag}=`) && !one.startsWith("--key=")
    );
    return await new Apiserver(this.#etcdctl, flags).fails(args);
  }

  async grant(ttlSeconds: number): Promise<string> {
    const answer = await this.run(["lease", "grant", String(ttlSeconds), "-w", "json"]);
    // Longer than a number of JavaScript holds.
    return BigInt(/"ID":(\d+)/.exec(answer)?.[1] ?? "").toString(16);
  }

  create(key: string, value: string): Promise<Outcome> {
    return this.update(key, value, 0);
  }

  /** Writes if nobody has since the revision. */
  async update(key: string, value: string, revision: number): Promise<Outcome> {
    const txn = `mod("${key}") = "${revision}"\n\nput ${key} ${value}\n\nget ${key}\n\n`;
    const script = 'printf "%s" "$0" | "$@"';
    const command = [this.#etcdctl, ...this.#flags, "txn", "-w", "json"];
    const output = await runCommand("sh", { args: ["-c", script, txn, ...command] });
    const answer = JSON.parse(output.slice(output.indexOf("{")));
    return { succeeded: answer.succeeded === true, revision: Number(answer.header.revision) };
  }

  watch(prefix: string): Watch {
    return new Watch(this.#etcdctl, [...this.#flags, "watch", "--interactive"], prefix);
  }
}

const WATCH_MS_MAX = 30_000;

class Watch implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(etcdctl: string, args: readonly string[], prefix: string) {
    this.#child = new Deno.Command(etcdctl, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      signal: AbortSignal.timeout(WATCH_MS_MAX),
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout
      .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
    void this.#type(`watch --prefix ${prefix}\n`);
  }

  async progress(): Promise<void> {
    await this.#type("progress\n");
  }

  /** Waits for what it prints. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#text)) { // Ends with the process at the latest.
      const { value, done } = await this.#output.read();
      assert.ok(!done, `the watch ended before ${pattern}:\n${this.#text}`);
      this.#text += value;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#output.cancel();
    await this.#child.status;
    await this.#input.close().catch(() => {});
  }

  async #type(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(line));
  }
}
