/** Runs an image as `docker run --read-only` does. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RhinoProcess, type RunResult, runRhino } from "../cli/rhino_process.ts";
import { runCommand } from "../support/databases/client_command.ts";
import type { Image } from "./image.ts";
import { beside, inNetworkOf, inOwnNamespaces, inRoot, quote } from "./namespaces.ts";

export interface ContainerOptions {
  readonly image: Image;
  /** What follows the image's name. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folder that is the volume; filled and owned as the image has it if it is empty. */
  readonly volume: string;
  /** Files and folders of this machine, read-only, by their place in the container. */
  readonly mounts?: Readonly<Record<string, string>>;
}

/** A command in a container, or of a client of one. */
const COMMAND_MS_MAX = 30_000;

/** Devices that every container has. */
const DEVICES = ["null", "zero", "random", "urandom"];

export class Container implements AsyncDisposable {
  readonly #image: Image;
  readonly #env: Readonly<Record<string, string>>;
  readonly #process: RhinoProcess;

  private constructor(options: ContainerOptions) {
    this.#image = options.image;
    this.#env = environmentOf(options);
    this.#process = new RhinoProcess({ args: [], command: commandLine(options) });
  }

  static async start(options: ContainerOptions): Promise<Container> {
    await prepare(options);
    return new Container(options);
  }

  /** Runs one that ends by itself. */
  static async run(options: ContainerOptions): Promise<RunResult> {
    await prepare(options);
    return await runRhino({ args: [], command: commandLine(options) });
  }

  get lines(): readonly string[] {
    return this.#process.lines;
  }

  /** HOST:PORT in the container, once it is ready. */
  async address(): Promise<string> {
    return await this.#process.address();
  }

  /** The number outside of the process that is 1 inside; undefined once it is gone. */
  get pid(): number | undefined {
    const own = this.#process.pid;
    try {
      const children = Deno.readTextFileSync(`/proc/${own}/task/${own}/children`).trim();
      return children === "" ? undefined : Number(children);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  signal(signal: Deno.Signal): void {
    const { pid } = this;
    assert.ok(pid !== undefined, "the container has ended");
    Deno.kill(pid, signal);
  }

  /** Runs a command in the container, as `docker exec` and a health check do. */
  async exec(command: readonly string[]): Promise<RunResult> {
    return await this.#output(beside(this.pid ?? 0, this.#image, command));
  }

  /** Runs a program of this machine in the container's network. */
  async client(command: readonly string[], input?: Uint8Array<ArrayBuffer>): Promise<RunResult> {
    return await this.#output(inNetworkOf(this.pid ?? 0, command), input);
  }

  /** The exit code after `docker stop`. */
  async stop(): Promise<number> {
    this.signal("SIGTERM");
    return (await this.#process.status()).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It would outlive `unshare`: who changes its user is no longer told of a parent's death.
    if (this.pid !== undefined) this.signal("SIGKILL");
    await this.#process[Symbol.asyncDispose]();
  }

  async #output(
    [executable = "", ...args]: readonly string[],
    input?: Uint8Array<ArrayBuffer>,
  ): Promise<RunResult> {
    const child = new Deno.Command(executable, {
      args,
      clearEnv: true,
      env: this.#env,
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(COMMAND_MS_MAX),
    }).spawn();
    if (input !== undefined) await new Blob([input]).stream().pipeTo(child.stdin);
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }
}

/** What an engine does before the start: a new volume has what the image has there, and mounts have a place. */
async function prepare({ image, volume, mounts = {} }: ContainerOptions): Promise<void> {
  for (const place of image.volumes) {
    if ([...Deno.readDirSync(volume)].length > 0) continue;
    await runCommand("cp", { args: ["-aT", join(image.root, place), volume] });
  }
  for (const place of Object.keys(mounts)) {
    await Deno.mkdir(join(image.root, place), { recursive: true });
  }
}

function environmentOf({ image, env }: ContainerOptions): Readonly<Record<string, string>> {
  return { ...image.env, HOME: "/home/nonroot", ...env };
}

function commandLine(options: ContainerOptions): string[] {
  const { image, args = [], volume, mounts = {} } = options;
  const assignments = Object.entries(environmentOf(options)).map(([name, value]) =>
    `${name}=${value}`
  );
  const inside = inRoot(image.root, image, [...image.entrypoint, ...args]);
  return ["env", "-i", ...assignments].concat(
    inOwnNamespaces(mountsOf(image, { volume, mounts }), inside),
  );
}

/** The root can only be read; the volume is the one place to write to. */
function mountsOf(
  image: Image,
  { volume, mounts }: Required<Pick<ContainerOptions, "volume" | "mounts">>,
): string[] {
  const root = quote(image.root);
  const devices = DEVICES.map((name) =>
    `touch ${root}/dev/${name}; mount --bind /dev/${name} ${root}/dev/${name}`
  );
  const readOnly = Object.entries(mounts).flatMap(([place, path]) => {
    const target = quote(join(image.root, place));
    return [`mount --bind ${quote(path)} ${target}`, `mount -o remount,ro,bind ${target}`];
  });
  return [
    "mount --make-rprivate /",
    `mount --bind ${root} ${root}`,
    `mount -t proc proc ${root}/proc`,
    `mount -t tmpfs -o mode=755 tmpfs ${root}/dev`,
    ...devices,
    ...image.volumes.map((place) =>
      `mount --bind ${quote(volume)} ${quote(join(image.root, place))}`
    ),
    ...readOnly,
    `mount -o remount,ro,bind ${root}`,
  ];
}
