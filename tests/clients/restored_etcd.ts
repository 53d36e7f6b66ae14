// The way back to etcd: a snapshot saved by etcdctl, restored by etcdutl, served by etcd itself.

import assert from "node:assert/strict";
import { EtcdClient } from "../support/etcd_client.ts";
import { freePorts } from "../support/free_port.ts";
import { oracleTools } from "../support/oracle.ts";
import { ServerProcess } from "../support/server_process.ts";
import { Etcdctl } from "./etcdctl.ts";

/** What `etcdutl snapshot status` tells. */
export interface SnapshotStatus {
  readonly hash: number;
  readonly revision: number;
  readonly totalKey: number;
  readonly totalSize: number;
  readonly version: string;
}

/** What `etcdutl hashkv` tells. */
export interface FileHash {
  readonly hash: number;
  readonly hashRevision: number;
  readonly compactRevision: number;
}

/** A saved snapshot. */
export class SavedSnapshot implements AsyncDisposable {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Has etcdctl save one, which checks that it is whole. */
  static async save(ctl: Etcdctl, flags: readonly string[] = []): Promise<SavedSnapshot> {
    const snapshot = new SavedSnapshot(await Deno.makeTempDir({ prefix: "rhino-test-snapshot-" }));
    try {
      const printed = await ctl.ok([...flags, "snapshot", "save", snapshot.path], {
        timeoutMs: 120_000,
      });
      assert.match(printed, /^Server version 3\.7\.0$/m);
      return snapshot;
    } catch (error) {
      await snapshot[Symbol.asyncDispose]();
      throw error;
    }
  }

  get path(): string {
    return `${this.#dir}/snapshot.db`;
  }

  /** Also walks all pages and checks that they fit each other. */
  status(): Promise<SnapshotStatus> {
    return this.#json(["snapshot", "status", this.path]);
  }

  hash(): Promise<FileHash> {
    return this.#json(["hashkv", this.path]);
  }

  /** Restores it as a member of a new cluster, and starts etcd on that. */
  async restore(): Promise<RestoredEtcd> {
    const [clientPort = 0, peerPort = 0] = await freePorts(2);
    const dataDir = `${this.#dir}/restored`;
    const peerUrl = `http://127.0.0.1:${peerPort}`;
    const cluster = [
      "--name=restored",
      `--initial-cluster=restored=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
    ];
    await this.#etcdutl(["snapshot", "restore", this.path, `--data-dir=${dataDir}`, ...cluster]);
    const { etcd } = await oracleTools();
    const clientUrl = `http://127.0.0.1:${clientPort}`;
    const process = new ServerProcess(etcd, [
      ...cluster,
      `--data-dir=${dataDir}`,
      `--listen-peer-urls=${peerUrl}`,
      `--listen-client-urls=${clientUrl}`,
      `--advertise-client-urls=${clientUrl}`,
      "--unsafe-no-fsync",
    ]);
    await process.ready();
    return new RestoredEtcd(process, clientUrl);
  }

  async #json<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.#etcdutl([...args, "--write-out=json"])) as T;
  }

  async #etcdutl(args: readonly string[]): Promise<string> {
    const { etcdutl } = await oracleTools();
    const command = new Deno.Command(etcdutl, { args: [...args], stdin: "null" });
    const { success, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    assert.ok(success, `etcdutl ${args.join(" ")}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#dir, { recursive: true });
  }
}

export class RestoredEtcd implements AsyncDisposable {
  readonly client: EtcdClient;
  readonly url: string;
  readonly #process: ServerProcess;

  constructor(process: ServerProcess, url: string) {
    this.#process = process;
    this.url = url;
    this.client = new EtcdClient(new URL(url).host);
  }

  /** What etcd has written. */
  get output(): string {
    return this.#process.output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.#process.end("SIGKILL");
  }
}
