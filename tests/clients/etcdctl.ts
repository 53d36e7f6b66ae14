// Running etcdctl: once for an answer, or beside the test for what it prints while it lives.

import assert from "node:assert/strict";
import { withDeadline } from "./deadline.ts";

/** A command that takes longer than this fails its test; it is no statement about speed. */
const COMMAND_MS_MAX = 30_000;

export interface CommandOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** What the command reads; without it there is nothing to read. */
  readonly stdin?: string;
  /** For the few commands that take longer by design. */
  readonly timeoutMs?: number;
}

/** etcdctl of one binary for one server. */
export class Etcdctl {
  readonly #binary: string;
  readonly #url: string;

  constructor(binary: string, url: string) {
    this.#binary = binary;
    this.#url = url;
  }

  /** Runs one command to its end, whatever its exit code. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<CommandOutput> {
    const child = this.#command(args).spawn();
    const what = `etcdctl ${args.join(" ")}`;
    try {
      const output = child.output();
      const writer = child.stdin.getWriter();
      // A command that ends without reading breaks the pipe, which is its right.
      await writer.write(new TextEncoder().encode(options.stdin ?? "")).catch(() => {});
      await writer.close().catch(() => {});
      const { code, stdout, stderr } = await withDeadline(
        output,
        options.timeoutMs ?? COMMAND_MS_MAX,
        { what },
      );
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    } catch (error) {
      killQuietly(child);
      throw error;
    }
  }

  /** Runs one command that must succeed, and returns what it printed. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    assert.equal(code, 0, `etcdctl ${args.join(" ")}: exit code ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Runs one command that must fail, and returns its error text. */
  async fails(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    assert.notEqual(code, 0, `etcdctl ${args.join(" ")} must fail, but printed: ${stdout}`);
    return stderr;
  }

  /** Runs one command with `-w json` and returns its answer. */
  async json<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
    return JSON.parse(await this.ok([...args, "-w", "json"], options)) as T;
  }

  /** Starts a command that lives beside the test. */
  spawn(args: readonly string[]): EtcdctlProcess {
    return new EtcdctlProcess(this.#command(args).spawn(), `etcdctl ${args.join(" ")}`);
  }

  #command(args: readonly string[]): Deno.Command {
    return new Deno.Command(this.#binary, {
      args: [`--endpoints=${this.#url}`, ...args],
      // Nothing but what is named here may steer etcdctl: no ETCDCTL_* of the machine.
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
  }
}

/** A running etcdctl whose lines are read as they come. */
export class EtcdctlProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #what: string;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #pumps: Promise<void>[];
  readonly #lines: string[] = [];
  #stderr = "";
  #taken = 0;
  #ended = false;
  #wake = Promise.withResolvers<void>();

  constructor(child: Deno.ChildProcess, what: string) {
    this.#child = child;
    this.#what = what;
    this.#stdin = child.stdin.getWriter();
    this.#pumps = [this.#pumpLines(), this.#pumpErrors()];
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The next line of the output that was not taken yet. */
  async line(): Promise<string> {
    const line = await withDeadline(this.#nextLine(), COMMAND_MS_MAX, {
      what: `a line from ${this.#what}`,
    });
    if (line === undefined) {
      assert.fail(`${this.#what}: ended before the next line: ${this.#stderr}`);
    }
    return line;
  }

  /** The next so many lines. */
  async lines(count: number): Promise<string[]> {
    const lines: string[] = [];
    while (lines.length < count) lines.push(await this.line());
    return lines;
  }

  /** Whether every line printed so far was taken. */
  get silent(): boolean {
    return this.#taken === this.#lines.length;
  }

  async write(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text));
  }

  /** Asks the command to end, as Ctrl-C does, and waits until it has. */
  async interrupt(): Promise<number> {
    this.#child.kill("SIGINT");
    return await this.end();
  }

  /** Ends the command without a chance to clean up, as a crash does. */
  async kill(): Promise<void> {
    killQuietly(this.#child);
    await this.end();
  }

  /** Waits for the end of the command, which must come by itself. */
  async end(): Promise<number> {
    const { code } = await withDeadline(this.#child.status, COMMAND_MS_MAX, {
      what: `the end of ${this.#what}`,
    });
    await Promise.all(this.#pumps);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    killQuietly(this.#child);
    await this.#child.status;
    await Promise.all(this.#pumps);
    await this.#stdin.close().catch(() => {});
  }

  async #nextLine(): Promise<string | undefined> {
    // Ends with a line or with the end of the output; the caller bounds the wait.
    while (this.#taken === this.#lines.length) {
      if (this.#ended) return undefined;
      await this.#wake.promise;
    }
    return this.#lines[this.#taken++];
  }

  async #pumpLines(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      this.#lines.push(...parts);
      this.#wakeReaders();
    }
    if (rest !== "") this.#lines.push(rest);
    this.#ended = true;
    this.#wakeReaders();
  }

  async #pumpErrors(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr += text;
    }
  }

  #wakeReaders(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

function killQuietly(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
}
