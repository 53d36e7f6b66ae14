/**
 * etcd's downgrade job, as a cluster of one answers. It has no effect on how Rhino stores data: it is kept so that tools
 * which ask for it, and later take it back, see what they expect.
 */
import { Buffer } from "node:buffer";
import { EtcdError } from "../errors.ts";
import type { Command } from "./read_set.ts";
import type { Store } from "./store.ts";
import type { Commit } from "./types.ts";

/** The numbers are etcd's `DowngradeAction`. */
const ACTION = { VALIDATE: 0, ENABLE: 1, CANCEL: 2 } as const;
/** Holds the target version of a downgrade under way. */
export const DOWNGRADE_RECORD = "downgrade";

export interface DowngradeOptions {
  readonly store: Store;
  /** The etcd version this server answers as. */
  readonly version: string;
}

export class Downgrade {
  readonly #store: Store;
  readonly #minor: readonly [major: number, minor: number];
  #target: string | null = null;

  private constructor({ store, version }: DowngradeOptions) {
    this.#store = store;
    const [major = 0, minor = 0] = version.split(".").map(Number);
    this.#minor = [major, minor];
  }

  static async open(options: DowngradeOptions): Promise<Downgrade> {
    const downgrade = new Downgrade(options);
    const { records } = await options.store.backend.records(DOWNGRADE_RECORD);
    for (const [name, value] of records) downgrade.#apply(name, value);
    options.store.onCommit((commit: Commit) => {
      for (const { name, value } of commit.records) downgrade.#apply(name, value);
    });
    return downgrade;
  }

  /** The cluster's major and minor version. */
  get clusterMinor(): string {
    return this.#minor.join(".");
  }

  /** The version of the cluster: the minor version with a patch of 0. */
  get clusterVersion(): string {
    return `${this.clusterMinor}.0`;
  }

  /** The target of a downgrade under way, or `null`. */
  get target(): string | null {
    return this.#target;
  }

  /**
   * @throws {EtcdError} `wrongDowngradeVersionFormat`, `invalidDowngradeTargetVersion`, `downgradeInProcess`
   */
  async request(action: number, version: string): Promise<void> {
    if (action === ACTION.CANCEL) {
      await this.#store.submit(setTarget(null));
      return;
    }
    const target = this.#parseTarget(version);
    if (action !== ACTION.ENABLE) return;
    if (this.#target !== null) throw new EtcdError("downgradeInProcess");
    await this.#store.submit(setTarget(target));
  }

  /** etcd goes down by one minor version only. */
  #parseTarget(version: string): string {
    const match = /^(\d+)\.(\d+)(\.\d+)?$/.exec(version);
    if (match === null) throw new EtcdError("wrongDowngradeVersionFormat");
    const [major, minor] = this.#minor;
    if (Number(match[1]) !== major || Number(match[2]) !== minor - 1) {
      throw new EtcdError("invalidDowngradeTargetVersion");
    }
    return `${major}.${minor - 1}.0`;
  }

  #apply(name: string, value: Uint8Array | null): void {
    if (name === DOWNGRADE_RECORD) {
      this.#target = value === null ? null : Buffer.from(value).toString();
    }
  }
}

function setTarget(target: string | null): Command<void> {
  return {
    bytes: 0,
    reads: (need) => need.records.add(DOWNGRADE_RECORD),
    apply(view) {
      if (target === null && view.record(DOWNGRADE_RECORD) === null) return;
      view.setRecord(DOWNGRADE_RECORD, target === null ? null : Buffer.from(target));
    },
  };
}
