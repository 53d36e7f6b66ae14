/** A bash to which commands are given one by one, as a reader would type them. */

import { killSession } from "../support/databases/process_family.ts";

/** How long one command may take. */
const COMMAND_MS_MAX = 120_000;
/** How long a server may take to say that it is ready. */
const READY_MS_MAX = 60_000;
const READY_TEXT = "ready to serve client requests";

/** Commands that go on until they are interrupted. */
const ENDLESS = /^etcdctl watch\b/;

export interface ShellOptions {
  readonly cwd: string;
  /** Where the output of servers goes. */
  readonly logs: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Ran {
  readonly output: string;
  readonly code: number;
}

export class Shell implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reading: Promise<void>;
  readonly #logs: string;
  readonly #waiting = new Set<() => void>();
  #output = "";
  #isEnded = false;
  #count = 0;

  constructor({ cwd, logs, env }: ShellOptions) {
    this.#logs = logs;
    // A session of its own, so that all that was started in it can be ended.
    this.#child = new Deno.Command("setsid", {
      args: ["bash", "--noprofile", "--norc", "-s"],
      cwd,
      env,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /**
   * Runs a command to its end, or one that goes on until `isEnough` of what it has written. What ends in `&` is a server,
   * and is waited for until it is ready.
   */
  async run(command: string, isEnough: (output: string) => boolean): Promise<Ran> {
    if (/^(?:rhino|etcd|deno|npx) .*&$|^rhino &$/.test(command)) {
      return await this.#startServer(command.slice(0, -1).trim());
    }
    const mark = `--- command ${++this.#count} ended with`;
    this.#output = "";
    await this.#type(`{ ${command}\n} </dev/null 2>&1; echo; echo "${mark} $?"`);
    const timer = AbortSignal.timeout(COMMAND_MS_MAX);
    let isInterrupted = false;
    for (;;) { // Ends with the command, with the shell, or with the time.
      const end = this.#output.lastIndexOf(`\n${mark} `);
      if (end >= 0 && this.#output.endsWith("\n")) {
        const code = Number(this.#output.slice(end + mark.length + 2));
        const output = withoutDeaths(this.#output.slice(0, end));
        return { output, code: isInterrupted ? 0 : code };
      }
      if (!isInterrupted && ENDLESS.test(command) && isEnough(this.#output)) {
        isInterrupted = true;
        await this.#interrupt(command);
      }
      await this.#more(command, timer);
    }
  }

  async #startServer(command: string): Promise<Ran> {
    const log = `${this.#logs}/server-${++this.#count}.log`;
    await this.#type(`${command} >${log} 2>&1 </dev/null &`);
    const deadline = Date.now() + READY_MS_MAX;
    for (;;) { // Ends when the server is ready or has ended, or with the time.
      const output = await Deno.readTextFile(log).catch(() => "");
      if (output.includes(READY_TEXT)) return { output: "", code: 0 };
      if (/Cannot start|^error:/m.test(output) || Date.now() > deadline) {
        throw new Error(`the server is not ready: ${command}\n${output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** As Ctrl+C would: only what runs in the foreground, not the servers. */
  async #interrupt(command: string): Promise<void> {
    const [word = ""] = command.split(" ");
    const { pid } = this.#child;
    const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
    for (const child of children.trim().split(" ").map(Number).reverse()) {
      const started = await Deno.readTextFile(`/proc/${child}/cmdline`).catch(() => "");
      if (started.includes(word)) return Deno.kill(child, "SIGINT");
    }
  }

  async #type(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(`${text}\n`));
  }

  async #more(command: string, timer: AbortSignal): Promise<void> {
    if (this.#isEnded) throw new Error(`the shell ended within: ${command}\n${this.#output}`);
    if (timer.aborted) throw new Error(`takes too long: ${command}\n${this.#output}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const tick = setTimeout(resolve, 500);
    await promise;
    clearTimeout(tick);
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      this.#output += decoder.decode(chunk, { stream: true });
      this.#wake();
    }
    this.#isEnded = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The whole session: servers too.
    killSession(this.#child.pid);
    await this.#child.status;
    await this.#reading;
    await this.#stdin.close().catch(() => {});
  }
}

/** bash tells of servers that were killed when it happens to notice, and a terminal would too. */
function withoutDeaths(output: string): string {
  return output.replaceAll(/^bash: line \d+: +\d+ (?:Killed|Terminated) .*\n?/gm, "");
}
