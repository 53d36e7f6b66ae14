// One fixed, rich history, to be written to several servers whose hashes are then compared.

import assert from "node:assert/strict";
import type { EtcdClient } from "../support/etcd_client.ts";
import { revisionOf } from "../support/readable.ts";
import { compare, op } from "../support/txn_parts.ts";

const OPEN_END = new Uint8Array(1);

/** Lease ids are part of what is hashed, so they are given: small, large and negative. */
const LEASES = [1n, 0x7fff_ffff_ffff_ffffn, -42n] as const;

/** Longer than any test. */
const TTL_SECONDS = 86_400;

/** Numbers that look random and are the same on every run. */
function createDice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % sides;
  };
}

/**
 * Writes the history to an empty store: puts, deletes, transactions, leases, odd keys and values.
 * Returns the revision it ends at.
 */
export async function writeHistory(client: EtcdClient): Promise<bigint> {
  for (const ID of LEASES) await client.lease.leaseGrant({ ID, TTL: TTL_SECONDS });
  await writeOddKeys(client);
  await writeTransactions(client);
  await endLease(client);
  return await writeAtRandom(client, createDice(7));
}

/** Goes on where `writeHistory` or `bury` ended, and returns the new revision. */
export async function extendHistory(client: EtcdClient): Promise<bigint> {
  return await writeAtRandom(client, createDice(11));
}

/** Writes a key and deletes it; the revision of the delete is returned. */
export async function bury(client: EtcdClient): Promise<bigint> {
  await client.kv.put({ key: "grave", value: "1" });
  await client.kv.put({ key: "grave", value: "2" });
  const deleted = await client.kv.deleteRange({ key: "grave" });
  assert.equal(deleted.deleted, 1n);
  return revisionOf(deleted);
}

async function writeOddKeys(client: EtcdClient): Promise<void> {
  const keys = ["a", "A", "a/", new Uint8Array(1), new Uint8Array([0xff, 0xfe]), "k".repeat(300)];
  const values = ["", "1", new Uint8Array([0, 255, 128]), "v".repeat(70_000)];
  for (const [index, key] of keys.entries()) {
    await client.kv.put({ key, value: values[index % values.length] ?? "" });
  }
}

async function writeTransactions(client: EtcdClient): Promise<void> {
  const [first, second] = LEASES;
  await client.kv.txn({
    success: Array.from(
      { length: 20 },
      (_, index) => op.put({ key: `t/${19 - index}`, value: `${index}`, lease: first }),
    ),
  });
  await client.kv.txn({
    compare: [compare("t/1", ["version", "=", 1])],
    success: [
      op.put({ key: "z", value: "first" }),
      op.deleteRange({ key: "t/1", rangeEnd: "t/15" }),
      op.range({ key: "a", rangeEnd: OPEN_END }),
      op.put({ key: "b", value: "between", lease: second }),
      op.txn({
        compare: [compare("nothing", ["create", ">", 0])],
        failure: [op.put({ key: "n", value: "nested" }), op.deleteRange({ key: "t/2" })],
      }),
    ],
  });
  // Reads, refused and empty writes leave no trace.
  await client.kv.range({ key: "a", rangeEnd: OPEN_END });
  await client.kv.deleteRange({ key: "nothing" });
  await assert.rejects(client.kv.put({ key: "a", value: "2", lease: 5n }));
}

/** Three keys on a lease, one of which leaves it before it is revoked. */
async function endLease(client: EtcdClient): Promise<void> {
  const [, , lease] = LEASES;
  for (const key of ["l/c", "l/a", "l/b"]) await client.kv.put({ key, value: key, lease });
  await client.kv.put({ key: "l/a", value: "stays" });
  await client.kv.put({ key: "l/b", value: "goes", ignoreLease: true });
  await client.lease.leaseRevoke({ ID: lease });
}

/** Eighty writes to a few keys: updates, deletes and new beginnings, alone and together. */
async function writeAtRandom(client: EtcdClient, dice: (sides: number) => number): Promise<bigint> {
  const key = () => `r/${dice(8)}`;
  for (let round = 0; round < 80; round++) {
    const value = `${round}`.repeat(1 + dice(20));
    switch (dice(5)) {
      case 0:
        await client.kv.deleteRange({ key: key() });
        break;
      case 1:
        await client.kv.txn({
          success: [op.deleteRange({ key: key() }), op.put({ key: "r/txn", value })],
        });
        break;
      default:
        await client.kv.put({ key: key(), value });
    }
  }
  return revisionOf(await client.kv.range({ key: "r/txn" }));
}
