/**
 * The lease clock, which follows the database's: a test cannot move that, but what was written by it. To move all of it
 * back by some time is the same as to let that time pass.
 */

import assert from "node:assert/strict";
import type { Backend } from "../../backends/contract.ts";
import { open } from "../../backends/mysql/mod.ts";
import { connectionTo, queryMariadb } from "../support/databases/mariadb_client.ts";
import { mysqlDatabase, whyNoMysql } from "../support/databases/shared_database.ts";
import { batchAt, OPEN_OPTIONS } from "../../backends/conformance/subject.ts";

const { leaseGapMs } = OPEN_OPTIONS;
const TTL_MS = 600_000;
/** What a busy machine may need from one statement to the next. */
const SLOW_MS = 3_000;

async function remaining(backend: Backend): Promise<number> {
  const { leases: [lease] } = await backend.leases(1);
  assert.ok(lease !== undefined);
  const query = { keys: [], leases: [lease.id], records: [], revision: 0 };
  const { leases: [same] } = await backend.load(query);
  assert.ok(same !== null && same !== undefined);
  assert.ok(lease.remainingMs - same.remainingMs < SLOW_MS);
  return same.remainingMs;
}

function assertNear(found: number, expected: number): void {
  assert.ok(found <= expected && found > expected - SLOW_MS, `${found} instead of ${expected}`);
}

Deno.test({
  name: "mysql: the lease clock stands still in gaps that are too long, and where a server says so",
  ignore: whyNoMysql() !== undefined,
  async fn() {
    const { url, drop } = await mysqlDatabase();
    const backend = await open(url, OPEN_OPTIONS);
    const pass = async (ms: number) => {
      await queryMariadb(
        connectionTo(url),
        `UPDATE rhino_head SET appended_at = appended_at - ${ms};
        UPDATE rhino_lease SET expires_at = expires_at - ${ms}`,
      );
    };
    const append = async (changes: Parameters<typeof batchAt>[1] = {}) =>
      await backend.append(batchAt(await backend.head(), changes));
    await append({
      leases: [{ id: 5n, state: { ttl: TTL_MS / 1_000, remainingMs: TTL_MS } }],
    });
    let expected = TTL_MS;
    assertNear(await remaining(backend), expected);

    // It runs on in short gaps, seen from within and from behind.
    const short = leaseGapMs / 2;
    await pass(short);
    assertNear(await remaining(backend), expected -= short);
    await append();
    assertNear(await remaining(backend), expected);

    // It stands still in a long one.
    await pass(10 * leaseGapMs);
    assertNear(await remaining(backend), expected);
    await append();
    assertNear(await remaining(backend), expected);
    await pass(short);
    await append();
    assertNear(await remaining(backend), expected -= short);

    // And in a short one before a server that resumes leases.
    await pass(short);
    await append({ resumesLeases: true });
    assertNear(await remaining(backend), expected);

    // What a batch says counts from behind its gap.
    await pass(10 * leaseGapMs);
    await append({ leases: [{ id: 5n, state: { ttl: 60, remainingMs: 60_000 } }] });
    assertNear(await remaining(backend), 60_000);
    await backend.close();
    await drop();
  },
});
