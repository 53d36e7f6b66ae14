/** A Redis server of a test's own. */

import { createClient } from "@redis/client";
import type { KeyPair } from "../certificates.ts";
import { startOnFreePort } from "../free_port.ts";
import { DatabaseProcess } from "./database_process.ts";
import { executable, serverUser, type UserIds } from "./executables.ts";
import { makeServerDir } from "./server_dir.ts";

export interface RedisOptions {
  /** `always`, the default, syncs before each answer; `no` is for tests that let no machine crash. */
  readonly appendfsync?: "always" | "everysec" | "no";
  /** More settings, by the names of `redis.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** It then speaks TLS only; `command()` does not work. */
  readonly tls?: KeyPair;
}

interface Place {
  readonly dir: string;
  readonly user: UserIds | undefined;
  readonly options: RedisOptions;
}

export class RedisServer implements AsyncDisposable {
  readonly #place: Place;
  #port = 0;
  #process: DatabaseProcess | undefined;

  private constructor(place: Place) {
    this.#place = place;
  }

  /** Makes an empty server and waits until it takes connections. */
  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    const user = serverUser(["redis"]);
    const place = { options, user, dir: await makeServerDir("redis", { user }) };
    const server = new RedisServer(place);
    try {
      if (options.tls !== undefined) await copyCertificate(place, options.tls);
      await server.#startOnFreePort();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** The newest part of its log. */
  get output(): string {
    return this.#process?.output ?? "";
  }

  /** Of a store with the prefix. */
  url(prefix = "rhino"): string {
    return `redis://127.0.0.1:${this.#port}/?prefix=${prefix}`;
  }

  /** Runs a command and answers what Redis does, with text for bytes. */
  async command(...args: readonly string[]): Promise<unknown> {
    const socket = { host: "127.0.0.1", port: this.#port, reconnectStrategy: false as const };
    const client = createClient({ socket });
    client.on("error", () => {}); // Whoever waits for the answer is told.
    await client.connect();
    try {
      return await client.sendCommand([...args]);
    } finally {
      client.destroy();
    }
  }

  /** Starts it again, on the same data and port, and waits until it takes connections. */
  async start(): Promise<void> {
    const { dir, user, options } = this.#place;
    this.#process = new DatabaseProcess({
      command: "/bin/sh",
      // Its log goes to standard output.
      args: [
        "-c",
        'exec "$0" "$@" >&2',
        executable("redis-server"),
        ...this.#settings(options),
      ],
      dir,
      user,
      readyText: "Ready to accept connections",
    });
    await this.#process.ready();
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    await this.#process?.end("SIGTERM");
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    await this.#process?.end("SIGKILL");
  }

  /** Sends a signal, such as SIGSTOP, and does not wait. */
  signal(signal: Deno.Signal): void {
    this.#process?.signal(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#place.dir, { recursive: true });
  }

  #startOnFreePort(): Promise<void> {
    return startOnFreePort(async (port) => {
      this.#port = port;
      await this.start();
    }, () => this.output);
  }

  #settings({ appendfsync = "always", settings = {}, tls }: RedisOptions): string[] {
    const port = String(this.#port);
    const all: Record<string, string> = {
      bind: "127.0.0.1",
      ...tls === undefined ? { port } : { port: "0", "tls-port": port, ...TLS_SETTINGS },
      // Everything is in the append-only file.
      save: "",
      appendonly: "yes",
      appendfsync,
      ...settings,
    };
    return Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  }
}

const TLS_SETTINGS = {
  "tls-cert-file": "server.crt",
  "tls-key-file": "server.key",
  "tls-ca-cert-file": "server.crt",
  "tls-auth-clients": "no",
};

/** To where the server's user may read it. */
async function copyCertificate({ dir, user }: Place, { cert, key }: KeyPair): Promise<void> {
  const copies = [[cert, `${dir}/server.crt`], [key, `${dir}/server.key`]] as const;
  for (const [from, to] of copies) {
    await Deno.copyFile(from, to);
    if (user !== undefined) await Deno.chown(to, user.uid, user.gid);
  }
}
