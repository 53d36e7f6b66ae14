/** Rhino as a user starts it: the permissions of `deno task start`, a folder of its own, nothing inherited. */

import { fileURLToPath } from "node:url";
import { denoArgs } from "../support/rhino_command.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A run that is meant to end by itself ends within this, or is killed. */
const RUN_MS_MAX = 30_000;

export interface RunOptions {
  readonly args: readonly string[];
  /** What stands before the arguments, instead of this Deno with the rights of `deno task start`. */
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the repository. */
  readonly cwd?: string;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment without variables that change what is tested. */
export function cleanEnv(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  const inherited = Object.entries(Deno.env.toObject()).filter(([name]) =>
    !/^(RHINO|ETCD|KINE)_/.test(name)
  );
  return { ...Object.fromEntries(inherited), NO_COLOR: "1", ...env };
}

function commandLine({ args, command }: RunOptions): [executable: string, args: string[]] {
  const [executable, ...before] = command ?? [Deno.execPath(), ...denoArgs()];
  return [executable ?? "", [...before, ...args]];
}

/** Runs Rhino until it ends by itself. */
export async function runRhino(options: RunOptions): Promise<RunResult> {
  const { env, cwd = ROOT } = options;
  const [executable, args] = commandLine(options);
  const output = await new Deno.Command(executable, {
    args,
    cwd,
    env: cleanEnv(env),
    clearEnv: true,
    stdin: "null",
    signal: AbortSignal.timeout(RUN_MS_MAX),
  }).output();
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

/** A running Rhino whose output is read line by line. */
export class RhinoProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #waiting = new Set<() => void>();
  #ended = false;
  /** Lines of standard error so far. */
  readonly lines: string[] = [];

  constructor(options: RunOptions) {
    const { env, cwd = ROOT } = options;
    const [executable, args] = commandLine(options);
    this.#child = new Deno.Command(executable, {
      args,
      cwd,
      env: cleanEnv(env),
      clearEnv: true,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The first line with the text, waited for. */
  async line(text: string): Promise<string> {
    for (;;) { // Ends with the line, or with the process at the latest.
      const found = this.lines.find((line) => line.includes(text));
      if (found !== undefined) return found;
      if (this.#ended) throw new Error(`"${text}" never came:\n${this.lines.join("\n")}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** HOST:PORT of the ready line. */
  async address(): Promise<string> {
    const line = await this.line("ready to serve client requests");
    return /address=(\S+)/.exec(line)?.[1] ?? "";
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async status(): Promise<Deno.CommandStatus> {
    await this.#reading;
    return await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGKILL");
    await this.status();
  }

  async #read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts);
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** A folder that goes when the test does. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "rhino-test-cli-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
