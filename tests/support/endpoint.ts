/** A running server to test: etcd, or Rhino on one of its backends. */

import { EtcdClient } from "./etcd_client.ts";
import { eventually } from "./polling.ts";
import { ServerProcess } from "./server_process.ts";
import { launchTarget, type TargetName } from "./targets.ts";

/** Starts until it is given up; only a taken port is worth another one. */
const START_ATTEMPTS_MAX = 3;

export interface EndpointOptions {
  /** More command line flags, such as `--quota-backend-bytes=65536`: etcd's names. */
  readonly flags?: readonly string[];
  /** Where the data is, if several servers share it; whoever made the database drops it. */
  readonly databaseUrl?: string | undefined;
}

export interface Endpoint extends AsyncDisposable {
  /** `127.0.0.1:PORT`; the same after a restart. */
  readonly address: string;
  readonly pid: number;
  /** False once the server has ended, by itself or not. */
  readonly running: boolean;
  readonly target: TargetName;
  /** The newest part of what the server has written. */
  readonly output: string;
  /** A client of this endpoint's own; closed with it. */
  readonly client: EtcdClient;
  /** Stops the server, unless it is already, and starts it on the same data and port. */
  restart(): Promise<void>;
  /** Ends the server at once, as a crash would. */
  kill(): Promise<void>;
  /** Ends the server in good order and gives its exit code. */
  stop(): Promise<number>;
  /** Sends any signal, SIGSTOP and SIGCONT for example, without waiting for its effect. */
  signal(signal: Deno.Signal): void;
}

/** Starts a server with data of its own and waits until it is ready. */
export async function startEndpoint(
  target: TargetName,
  { flags = [], databaseUrl }: EndpointOptions = {},
): Promise<Endpoint> {
  // Undone backwards if the start fails; the endpoint's own otherwise.
  await using started = new AsyncDisposableStack();
  const dir = await Deno.makeTempDir({ prefix: `rhino-test-${target}-` });
  started.defer(() => Deno.remove(dir, { recursive: true }));
  let running = await start(target, { dir, port: undefined, databaseUrl, flags, cleanup: started });
  const { address } = running;
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  started.defer(async () => void await running.process.end("SIGTERM"));
  const client = new EtcdClient(address);
  started.defer(() => client.close());
  if (target === "etcd") await storageVersionKnown(client);
  const cleanup = started.move();

  return {
    address,
    target,
    client,
    get pid() {
      return running.process.pid;
    },
    get running() {
      return running.process.running;
    },
    get output() {
      return running.process.output;
    },
    async restart() {
      await running.process.end("SIGTERM");
      running = await start(target, { dir, port, databaseUrl, flags, cleanup });
    },
    async kill() {
      await running.process.end("SIGKILL");
    },
    async stop() {
      return (await running.process.end("SIGTERM")).code;
    },
    signal(signal) {
      running.process.signal(signal);
    },
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

/** A new etcd takes requests a moment before its storage, as its status and snapshots tell, is of its own version. */
async function storageVersionKnown({ maintenance }: EtcdClient): Promise<void> {
  await eventually("etcd stores its version", async () => {
    const { storageVersion, version } = await maintenance.status({});
    // "3.5.0", if anything, until then.
    return storageVersion === version.replace(/\d+$/, "0");
  });
}

interface Running {
  readonly process: ServerProcess;
  readonly address: string;
}

interface StartOptions {
  readonly dir: string;
  readonly port: number | undefined;
  readonly databaseUrl: string | undefined;
  readonly flags: readonly string[];
  readonly cleanup: AsyncDisposableStack;
}

async function start(target: TargetName, options: StartOptions): Promise<Running> {
  for (let attempt = 1;; attempt++) {
    const launch = await launchTarget(target, { place: options, cleanup: options.cleanup });
    const process = new ServerProcess(launch.command, [...launch.args, ...options.flags]);
    try {
      const ready = await process.ready();
      const address = launch.address ?? ready.address;
      if (address !== undefined) return { process, address };
      await process.end("SIGKILL");
      throw new Error(`Cannot find the server: its ready line has no address:\n${process.output}`);
    } catch (error) {
      const portTaken = process.output.includes("address already in use");
      if (!portTaken || attempt === START_ATTEMPTS_MAX) throw error;
    }
  }
}
