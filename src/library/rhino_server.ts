/** A server inside a program. Whatever belongs to a process (signals, exit codes, where a log goes) is the program's. */

import { urlText } from "../client_urls.ts";
import type { ListeningUrl } from "../listeners.ts";
import { type RunningServer, startServer } from "../server.ts";
import { type ParsedOptions, parseOptions, type RhinoOptions } from "./options.ts";

/**
 * A running server. Any number of them may run in one program; those of one PostgreSQL or MySQL database share their data.
 *
 * ```ts
 * import { RhinoServer } from "@rhino/rhino";
 *
 * await using server = await RhinoServer.start({ endpoint: "memory://" });
 * const response = await fetch(`${server.url}/health`);
 * if (!response.ok) throw new Error(await response.text());
 * await response.body?.cancel();
 * ```
 *
 * It prints nothing, handles no signals and never ends the process. It keeps the process going until it is closed.
 */
export class RhinoServer implements AsyncDisposable {
  readonly #running: RunningServer;
  #closing: Promise<void> | undefined;

  private constructor(running: RunningServer) {
    this.#running = running;
  }

  /**
   * Opens the store and serves it; when it resolves, clients can connect. Without options it is the SQLite file
   * `./db/state.db`, at a free port of 127.0.0.1.
   *
   * @throws {TypeError} for an option that there is not, or a value of the wrong type; it names the option
   * @throws {RangeError} for a value that is out of its bounds; it names the option and the bounds
   * @throws {BackendError} `unusable` if the store cannot be opened; one line, without passwords
   * @throws {Error} if an address cannot be had, or a file of TLS cannot be used; one line
   */
  static async start(options: RhinoOptions = {}): Promise<RhinoServer> {
    const { config, log, ...embedding } = parseOptions(options);
    return new RhinoServer(await start({ config, log, ...embedding }));
  }

  /** HOST:PORT of the first client URL, with its actual port; of a Unix socket its URL. */
  get address(): string {
    return this.#running.address;
  }

  /** The first client URL as text, with its actual port: `http://127.0.0.1:36405`. */
  get url(): string {
    const [first] = this.#running.urls;
    return first === undefined ? "" : urlText(first);
  }

  /** All that is listened on, and what for, with the actual ports; the client URLs come first. */
  get urls(): readonly ListeningUrl[] {
    return this.#running.urls;
  }

  /**
   * Stops accepting, lets open calls end for at most `closeGraceMs`, cuts the others, and closes the store. What was
   * acknowledged is stored whatever happens. Closing again waits for the same end.
   */
  close(): Promise<void> {
    this.#closing ??= Promise.resolve(this.#running[Symbol.asyncDispose]());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What there is to say about flags is said about the options of their names. */
async function start({ config, log, ...embedding }: ParsedOptions): Promise<RunningServer> {
  try {
    return await startServer(config, log, embedding);
  } catch (error) {
    if (!(error instanceof Error) || error.constructor !== Error) throw error;
    const message = error.message.replaceAll(/--([a-z]+(?:-[a-z]+)+)/g, (flag, name: string) => {
      const option = name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
      return Object.hasOwn(config, option) ? option : flag;
    });
    if (message === error.message) throw error;
    throw new Error(message, { cause: error });
  }
}
