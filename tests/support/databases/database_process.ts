/** A database server as a child process: its output, its readiness, its end. */

import assert from "node:assert/strict";
import type { UserIds } from "./executables.ts";
import { Reaper } from "./reaper.ts";

const READY_TIMEOUT_MS = 90_000;
/** A server that does not end when told to is killed after this time. */
const STOP_TIMEOUT_MS = 30_000;
/** How much of the newest output is kept to be shown when something goes wrong. */
const OUTPUT_LENGTH_MAX = 64 * 1024;

export interface DatabaseProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it works and has its data; removed if the test run dies. */
  readonly dir: string;
  readonly user: UserIds | undefined;
  /** A file that begins with the number of another process that must not outlive the test run. */
  readonly pidFile?: string;
  /** What its log says once it takes connections. */
  readonly readyText: string;
}

export class DatabaseProcess {
  readonly #child: Deno.ChildProcess;
  readonly #command: string;
  readonly #readyText: string;
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;
  #output = "";
  #running = true;

  constructor(options: DatabaseProcessOptions) {
    const { command, args, env = {}, dir, user, readyText } = options;
    this.#command = command;
    this.#readyText = readyText;
    this.#child = new Deno.Command(command, {
      args: [...args],
      env,
      cwd: dir,
      ...user,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      // Signals to the test run, such as Ctrl+C, must not end it under the tests' feet.
      detached: true,
    }).spawn();
    const reaper = new Reaper({ pid: this.#child.pid, dir, pidFile: options.pidFile });
    const read = this.#read(this.#child.stderr);
    this.#ended = this.#child.status.then(async (status) => {
      this.#running = false;
      await reaper[Symbol.asyncDispose]();
      await read;
      this.#ready.reject(new Error(`it ended with ${status.signal ?? `code ${status.code}`}`));
    });
    // Whoever waits for readiness sees the rejection; a server that ends later has nobody waiting.
    this.#ready.promise.catch(() => {});
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#running;
  }

  /** The newest part of its log. */
  get output(): string {
    return this.#output;
  }

  /**
   * Resolves when the server takes connections.
   *
   * @throws {Error} with its log so far if it ends or is not ready in time; it is not running then.
   */
  async ready(): Promise<void> {
    const timer = setTimeout(
      () => this.#ready.reject(new Error(`it was not ready within ${READY_TIMEOUT_MS} ms`)),
      READY_TIMEOUT_MS,
    );
    try {
      await this.#ready.promise;
    } catch (cause) {
      await this.end("SIGKILL");
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Cannot start ${this.#command}: ${reason}:\n${this.#output}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal and waits until the process is gone, killing it if it takes too long. */
  async end(signal: Deno.Signal): Promise<void> {
    if (this.#running) this.#child.kill(signal);
    const killer = setTimeout(() => {
      if (this.#running) this.#child.kill("SIGKILL");
    }, STOP_TIMEOUT_MS);
    try {
      await this.#ended;
    } finally {
      clearTimeout(killer);
    }
  }

  /** Sends a signal, such as SIGSTOP, and does not wait. */
  signal(signal: Deno.Signal): void {
    assert(this.#running, "the process has ended");
    this.#child.kill(signal);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream() as TextPipe)) {
      this.#output = (this.#output + text).slice(-OUTPUT_LENGTH_MAX);
      if (this.#output.includes(this.#readyText)) this.#ready.resolve();
    }
  }
}

// TextDecoderStream is declared for BufferSource, wider than the bytes a process writes.
type TextPipe = ReadableWritablePair<string, Uint8Array>;
