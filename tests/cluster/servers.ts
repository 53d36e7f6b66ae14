/** Several Rhino servers on one database. */

import { type Endpoint, startEndpoint } from "../support/endpoint.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import type { TargetName } from "../support/targets.ts";

/** Characters of a server's output that a failure shows. */
const OUTPUT_SHOWN = 3_000;

export interface ServersOptions {
  readonly kind: TargetName;
  /** Where each server finds the database, in their order: as many servers as URLs. */
  readonly urls: readonly string[];
  /** More flags, for all of them. */
  readonly flags?: readonly string[];
}

export class Servers implements AsyncDisposable {
  readonly kind: TargetName;
  /** Named `s0`, `s1` and so on, which stay theirs over restarts; so do the addresses. */
  readonly all: readonly Endpoint[];

  private constructor(kind: TargetName, all: readonly Endpoint[]) {
    this.kind = kind;
    this.all = all;
  }

  /** Starts all at the same time and waits until they are ready. */
  static async start({ kind, urls, flags = [] }: ServersOptions): Promise<Servers> {
    const starts = await Promise.allSettled(urls.map((databaseUrl, index) => {
      return startEndpoint(kind, { databaseUrl, flags: [`--name=s${index}`, ...flags] });
    }));
    const servers = new Servers(kind, starts.flatMap((start) => startedOf(start)));
    const failed = starts.find((start) => start.status === "rejected");
    if (failed === undefined) return servers;
    await servers[Symbol.asyncDispose]();
    throw failed.reason;
  }

  /** @throws {RangeError} if there is no such server. */
  at(index: number): Endpoint {
    const server = this.all[index];
    if (server === undefined) throw new RangeError(`Cannot find server ${index}`);
    return server;
  }

  /** The client of one of them. */
  client(index: number): EtcdClient {
    return this.at(index).client;
  }

  /** Of all of them, in order. */
  get clients(): EtcdClient[] {
    return this.all.map(({ client }) => client);
  }

  /** So many new connections, spread evenly. */
  connect(count: number, opened: DisposableStack): EtcdClient[] {
    return Array.from({ length: count }, (_, index) => {
      return opened.use(new EtcdClient(this.at(index % this.all.length).address));
    });
  }

  /** Runs a test's part; its failure tells what the servers wrote lately. */
  async explain<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${message}\n${this.#output}`, { cause });
    }
  }

  get #output(): string {
    const newest = this.all.map(({ output }) => output.slice(-OUTPUT_SHOWN));
    return newest.map((output, index) => `--- s${index}:\n${output}`).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((server) => server[Symbol.asyncDispose]()));
  }
}

function startedOf(start: PromiseSettledResult<Endpoint>): Endpoint[] {
  return start.status === "fulfilled" ? [start.value] : [];
}
