/** Ends a server whose test run is gone without having ended it. */

/**
 * Waits on a pipe that nobody writes to: it closes when this process ends, however that happens. A moment lies between
 * the kill and the removal because PostgreSQL's children notice their parent's end by themselves.
 */
const SCRIPT = "read -r line; " +
  '[ -z "$3" ] || kill -KILL "$(head -n 1 "$3")"; kill -KILL "$1" && sleep 1; rm -rf -- "$2"';

export interface ReaperOptions {
  readonly pid: number;
  readonly dir: string;
  /** A file that begins with the number of a process to be killed too, if it is there. */
  readonly pidFile?: string | undefined;
}

export class Reaper implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  /** Held: once collected as garbage, the pipe would be closed. */
  readonly #pipe: WritableStream<Uint8Array>;

  /** Kills the processes and removes the folder once this process is gone, unless disposed of before. */
  constructor({ pid, dir, pidFile = "" }: ReaperOptions) {
    this.#child = new Deno.Command("/bin/sh", {
      args: ["-c", SCRIPT, "rhino-test-reaper", String(pid), dir, pidFile],
      // Not the caller's, which may lead nowhere.
      env: { PATH: "/usr/bin:/bin" },
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      // A session of its own, or Ctrl+C would end it before its work.
      detached: true,
    }).spawn();
    this.#pipe = this.#child.stdin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    // The other end of the pipe is gone, which is as it should be.
    await this.#pipe.abort().catch(() => {});
  }
}
