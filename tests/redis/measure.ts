/**
 * Measures appends a second on Redis beside SQLite, in turns, and prints the table of examples/redis/README.md.
 *
 *     deno run -A tests/redis/measure.ts
 */

import { batchAt, bytes, OPEN_OPTIONS, putRow } from "../../backends/conformance/subject.ts";
import type { Backend } from "../../backends/contract.ts";
import { open as openSqlite } from "../../backends/sqlite/mod.ts";
import { open as openRedis } from "../../examples/redis/mod.ts";
import { RedisServer } from "../support/databases/redis_server.ts";

const VALUE_BYTES = 512;
const KEYS = 5_000;
/** Rows of an append: a lone client's, and what many clients make of it. */
const BATCHES = [1, 64] as const;

export interface MeasureOptions {
  readonly rounds: number;
  /** For each store and size of batch in a round. */
  readonly roundMs: number;
}

async function appendsPerSecond(
  backend: Backend,
  { rowsOfBatch, roundMs }: { readonly rowsOfBatch: number; readonly roundMs: number },
): Promise<number> {
  let head = await backend.head();
  const value = new Uint8Array(VALUE_BYTES).fill(7);
  const startMs = performance.now();
  let appends = 0;
  while (performance.now() - startMs < roundMs) {
    const rows = Array.from({ length: rowsOfBatch }, (_, at) => {
      const revision = head.revision + 1 + at;
      return putRow(bytes(`key ${revision % KEYS}`), { revision, value });
    });
    const batch = batchAt(head, { rows });
    await backend.append(batch);
    head = batch.head;
    appends++;
  }
  return appends * 1_000 / (performance.now() - startMs);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Answers the table. */
export async function measure({ rounds, roundMs }: MeasureOptions): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "rhino-measure-" });
  await using always = await RedisServer.start({ appendfsync: "always" });
  await using everysec = await RedisServer.start({ appendfsync: "everysec" });
  const stores: readonly (readonly [name: string, backend: Backend])[] = [
    ["SQLite", await openSqlite(`sqlite://${dir}/state.db`, OPEN_OPTIONS)],
    ["Redis, `appendfsync always`", await openRedis(always.url(), OPEN_OPTIONS)],
    ["Redis, `appendfsync everysec`", await openRedis(everysec.url(), OPEN_OPTIONS)],
  ];
  const rates = stores.map(() => BATCHES.map((): number[] => []));
  for (let round = 0; round < rounds; round++) {
    for (const [column, rows] of BATCHES.entries()) {
      for (const [at, [, backend]] of stores.entries()) {
        const rate = await appendsPerSecond(backend, { rowsOfBatch: rows, roundMs });
        rates[at]?.[column]?.push(rate);
      }
    }
  }
  for (const [, backend] of stores) await backend.close();
  await Deno.remove(dir, { recursive: true });
  const base = rates[0]?.map(median) ?? [];
  const lines = stores.map(([name], at) => {
    const cells = rates[at]?.map(median).map((rate, column) => {
      return `${rate.toFixed(0)} (${(rate / (base[column] ?? 1)).toFixed(2)})`;
    });
    return `| ${[name, ...cells ?? []].join(" | ")} |`;
  });
  const title = `| store | ${BATCHES.map((rows) => `appends/s of ${rows} rows`).join(" | ")} |`;
  return [title, ...lines, ""].join("\n");
}

if (import.meta.main) {
  const table = await measure({ rounds: 5, roundMs: 1_500 });
  Deno.stdout.writeSync(new TextEncoder().encode(table));
}
