/** A server as a child process: its output, its readiness, its end. */

import assert from "node:assert/strict";

const READY_TIMEOUT_MS = 60_000;
/** A server that does not end on SIGTERM within this time is killed. */
const STOP_TIMEOUT_MS = 15_000;
/** How much of the newest output is kept to be shown when something goes wrong. */
const OUTPUT_LENGTH_MAX = 64 * 1024;

const READY_TEXT = "ready to serve client requests";

/** What a server said of itself when it was ready. */
export interface ReadyLine {
  /** Where it listens, if its ready line says so. */
  readonly address: string | undefined;
}

export class ServerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #ready = Promise.withResolvers<ReadyLine>();
  readonly #ended: Promise<Deno.CommandStatus>;
  #output = "";
  #running = true;

  constructor(command: string, args: readonly string[]) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      // glibc fills what is freed, so that using it any more ends the process at once, and not one time in thousands.
      env: { MALLOC_PERTURB_: "165" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    LIVE.add(this.#child);
    const streams = [this.#read(this.#child.stdout), this.#read(this.#child.stderr)];
    this.#ended = this.#child.status.then(async (status) => {
      this.#running = false;
      LIVE.delete(this.#child);
      await Promise.all(streams);
      this.#output += `ended with code ${status.code}${
        status.signal ? ` (${status.signal})` : ""
      }\n`;
      this.#ready.reject(new Error(`the server ended with code ${status.code}`));
      return status;
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

  /** The newest part of what the process wrote. */
  get output(): string {
    return this.#output;
  }

  /**
   * Resolves when the server takes requests.
   *
   * @throws {Error} with the output so far if it ends or is not ready in time.
   */
  async ready(): Promise<ReadyLine> {
    const timer = setTimeout(
      () => this.#ready.reject(new Error(`the server was not ready within ${READY_TIMEOUT_MS} ms`)),
      READY_TIMEOUT_MS,
    );
    try {
      return await this.#ready.promise;
    } catch (cause) {
      await this.end("SIGKILL");
      throw new Error(`Cannot start the server: ${errorText(cause)}:\n${this.#output}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal and waits until the process is gone, killing it if it takes too long. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<Deno.CommandStatus> {
    this.#signal(signal);
    const killer = setTimeout(() => this.#signal("SIGKILL"), STOP_TIMEOUT_MS);
    try {
      return await this.#ended;
    } finally {
      clearTimeout(killer);
    }
  }

  /** Sends a signal, such as SIGSTOP, and does not wait. */
  signal(signal: Deno.Signal): void {
    assert(this.#running, "the process has ended");
    this.#child.kill(signal);
  }

  #signal(signal: Deno.Signal): void {
    if (this.#running) this.#child.kill(signal);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let unfinishedLine = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream() as TextPipe)) {
      this.#output = (this.#output + text).slice(-OUTPUT_LENGTH_MAX);
      const lines = (unfinishedLine + text).split("\n");
      unfinishedLine = lines.pop() ?? "";
      const readyLine = lines.find((line) => line.includes(READY_TEXT));
      if (readyLine !== undefined) this.#ready.resolve({ address: addressOf(readyLine) });
    }
  }
}

// TextDecoderStream is declared for BufferSource, wider than the bytes a process writes.
type TextPipe = ReadableWritablePair<string, Uint8Array>;

/** Children that a test run must not leave behind, whatever happened to its tests. */
const LIVE = new Set<Deno.ChildProcess>();
globalThis.addEventListener("unload", () => {
  for (const child of LIVE) child.kill("SIGKILL");
});

function addressOf(readyLine: string): string | undefined {
  return /"address":\s*"([^"]+)"/.exec(readyLine)?.[1];
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
