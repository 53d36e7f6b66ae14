/** A client that writes until the server is gone, or it is told to stop: puts, transactions, deletes and leases. */

import type { EtcdClient } from "../support/etcd_client.ts";
import { RpcError } from "../support/rpc_error.ts";
import { op } from "../support/txn_parts.ts";
import type { Random } from "../model/random.ts";
import type { Acknowledged, WriteLog } from "./write_log.ts";

const KEYS = Array.from({ length: 60 }, (_, index) => `w/${String(index).padStart(2, "0")}`);
const VALUE_BYTES = 200;
/** Far longer than a test runs. */
const LEASE_TTL_SECONDS = 3_600;

export interface HeavyWriterOptions {
  readonly log: WriteLog;
  readonly random: Random;
  /** Its own, so that the ids of its writes are. */
  readonly name: string;
  /** What to do after a call that failed; it may throw as well. By default the first failure is the server's end. */
  readonly onFailure?: (error: RpcError) => "end" | "go on";
  /** Ends it after the call under way. */
  readonly signal?: AbortSignal;
}

/** A server that is away is not asked faster than this. */
const FAILURE_PAUSE_MS = 50;

/** Ends with the server; a write that fails may have happened or not. */
export async function writeUntilGone(
  client: EtcdClient,
  options: HeavyWriterOptions,
): Promise<void> {
  const { onFailure = () => "end", signal } = options;
  const writer = new HeavyWriter(client, options);
  while (!signal?.aborted) {
    try {
      await writer.writeOnce();
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (onFailure(error) === "end") return;
      await new Promise((resolve) => setTimeout(resolve, FAILURE_PAUSE_MS));
    }
  }
}

class HeavyWriter {
  readonly #client: EtcdClient;
  readonly #options: HeavyWriterOptions;
  #writes = 0;
  #lease: bigint | undefined;

  constructor(client: EtcdClient, options: HeavyWriterOptions) {
    this.#client = client;
    this.#options = options;
  }

  async writeOnce(): Promise<void> {
    const id = `${this.#options.name}.${this.#writes++}`;
    const kind = this.#options.random.weighted([
      [6, "put"],
      [3, "txn"],
      [2, "delete"],
      [1, "lease"],
    ]);
    if (kind === "put") await this.#put(id, 0n);
    else if (kind === "txn") await this.#txn(id);
    else if (kind === "delete") await this.#delete(id);
    else await this.#leaseStep(id);
  }

  async #put(id: string, lease: bigint): Promise<void> {
    const key = this.#options.random.pick(KEYS);
    await this.#options.log.write({ id, puts: [key], deletes: [] }, async () => {
      return changed(await this.#client.kv.put({ key, value: valueOf(id), lease }));
    });
  }

  /** Three keys in one revision; a half of it would show. */
  async #txn(id: string): Promise<void> {
    const at = this.#options.random.int(0, KEYS.length - 1);
    const keys = [0, 7, 19].map((step) => KEYS[(at + step) % KEYS.length] ?? "");
    const gone = KEYS[(at + 31) % KEYS.length] ?? "";
    await this.#options.log.write({ id, puts: keys, deletes: [gone] }, async () => {
      const puts = keys.map((key) => op.put({ key, value: valueOf(id) }));
      return changed(
        await this.#client.kv.txn({
          success: [...puts, op.deleteRange({ key: gone })],
        }),
      );
    });
  }

  async #delete(id: string): Promise<void> {
    const key = this.#options.random.pick(KEYS);
    await this.#options.log.write({ id, puts: [], deletes: [key] }, async () => {
      const answer = await this.#client.kv.deleteRange({ key });
      return { ...changed(answer), changed: answer.deleted > 0n };
    });
  }

  /** Grants a lease and puts a key that belongs to it alone; the next time revokes it. */
  async #leaseStep(id: string): Promise<void> {
    const { log, random } = this.#options;
    const lease = this.#lease;
    if (lease === undefined) {
      const granted = BigInt(random.int(1, Number.MAX_SAFE_INTEGER));
      await log.grant(granted, () => {
        return this.#client.lease.leaseGrant({ ID: granted, TTL: LEASE_TTL_SECONDS });
      });
      const key = `lease/${this.#options.name}`;
      await log.write({ id, puts: [key], deletes: [] }, async () => {
        return changed(await this.#client.kv.put({ key, value: valueOf(id), lease: granted }));
      });
      this.#lease = granted;
      return;
    }
    this.#lease = undefined;
    await log.write({ id, puts: [], deletes: [], revokes: lease }, async () => {
      return changed(await this.#client.lease.leaseRevoke({ ID: lease }));
    });
  }
}

function changed(
  { header }: { readonly header?: { readonly revision: bigint } | undefined },
): Acknowledged {
  return { revision: Number(header?.revision), changed: true };
}

function valueOf(id: string): string {
  return `${id} `.padEnd(VALUE_BYTES, "x");
}
