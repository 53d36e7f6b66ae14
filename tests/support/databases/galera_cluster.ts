/** MariaDB servers with Galera: each takes writes, and a commit on one is checked against all. */

import { freePorts } from "../free_port.ts";
import { galeraLibrary } from "./installed.ts";
import { type MariadbOptions, MariadbServer } from "./mariadb_server.ts";

const NODES = 3;
/** Group communication, incremental transfer, whole transfer: what a node listens on besides MariaDB's port. */
const PORTS_OF_A_NODE = 3;

export class GaleraCluster implements AsyncDisposable {
  /** Each with its own address; the data is the same. */
  readonly nodes: readonly MariadbServer[];

  private constructor(nodes: readonly MariadbServer[]) {
    this.nodes = nodes;
  }

  /** Makes an empty cluster of three and waits until all are in step. */
  static async start(options: MariadbOptions = {}): Promise<GaleraCluster> {
    const ports = await freePorts(NODES * PORTS_OF_A_NODE);
    await using started = new AsyncDisposableStack();
    const nodes: MariadbServer[] = [];
    // One after another: each gets its data from one that is in step, and while it gives, that one takes no other.
    for (let index = 0; index < NODES; index++) {
      const node = await MariadbServer.start(nodeOptions(options, { index, ports }));
      nodes.push(started.use(node));
    }
    started.move();
    return new GaleraCluster(nodes);
  }

  /** @throws {RangeError} if there is no such node. */
  node(index: number): MariadbServer {
    const node = this.nodes[index];
    if (node === undefined) throw new RangeError(`Cannot find a node ${index} in the cluster`);
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
  }
}

function nodeOptions(
  options: MariadbOptions,
  { index, ports }: { readonly index: number; readonly ports: readonly number[] },
): MariadbOptions {
  const provider = galeraLibrary();
  if (provider === undefined) throw new Error("Cannot start a cluster: Galera is not installed");
  const members = Array.from({ length: NODES }, (_, node) => ports[node * PORTS_OF_A_NODE]);
  const [group, increments, transfer] = ports.slice(index * PORTS_OF_A_NODE);
  return {
    ...options,
    settings: {
      ...options.settings,
      "wsrep-on": "ON",
      "wsrep-provider": provider,
      "wsrep-cluster-address": `gcomm://${members.map((port) => `127.0.0.1:${port}`).join(",")}`,
      "wsrep-node-address": "127.0.0.1",
      "wsrep-node-name": `node${index}`,
      "wsrep-provider-options":
        `gmcast.listen_addr=tcp://127.0.0.1:${group};ist.recv_addr=127.0.0.1:${increments}`,
      "wsrep-sst-method": "rsync",
      "wsrep-sst-receive-address": `127.0.0.1:${transfer}`,
      "binlog-format": "ROW",
      "default-storage-engine": "InnoDB",
      "innodb-autoinc-lock-mode": "2",
    },
    firstArgs: index === 0 ? ["--wsrep-new-cluster"] : [],
    joins: index > 0,
    readyText: "Synchronized with group, ready for connections",
  };
}
