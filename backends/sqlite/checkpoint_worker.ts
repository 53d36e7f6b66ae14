/**
 * The other connection to the database, on a thread of its own: it carries the write-ahead log over into the database
 * file, and cuts the unused space off that file, without holding up the event loop.
 */

/// <reference lib="deno.worker" />

import { DatabaseSync } from "node:sqlite";
import type { CheckpointAnswer, CheckpointRequest } from "./checkpointer.ts";

/** How long a lock of the server's own connection is waited for; it holds none for longer than one call. */
const BUSY_TIMEOUT_MS = 5_000;

/** Pages given back in one transaction. */
const PAGES_AT_ONCE = 1_000;

const TASKS = {
  passive: (connection) => connection.exec("PRAGMA wal_checkpoint(PASSIVE)"),
  truncate: (connection) => connection.exec("PRAGMA wal_checkpoint(TRUNCATE)"),
  giveBack,
} as const satisfies Record<CheckpointRequest["task"], (connection: DatabaseSync) => void>;

/** Moves pages from the file's end into its gaps, until there are none. (`VACUUM` is only allowed with all of Deno's rights.) */
function giveBack(connection: DatabaseSync): void {
  const countFree = connection.prepare("PRAGMA freelist_count");
  // Each page is a row, and the pragma works only as far as its rows are read.
  const moveSome = connection.prepare(`PRAGMA incremental_vacuum(${PAGES_AT_ONCE})`);
  const free = () => Number(countFree.get()?.freelist_count ?? 0);
  // Ends with the last free page, or when nothing can be moved.
  for (
    let before = Infinity, left = free();
    left > 0 && left < before;
    before = left, left = free()
  ) {
    moveSome.all();
  }
}

let database: DatabaseSync | null = null;

self.onmessage = ({ data }: MessageEvent<CheckpointRequest | { path: string } | "close">) => {
  if (data === "close") {
    database?.close();
    answer({ error: null });
  } else if ("path" in data) {
    database = new DatabaseSync(data.path, { timeout: BUSY_TIMEOUT_MS });
  } else {
    answer(run(data));
  }
};

function run({ task }: CheckpointRequest): CheckpointAnswer {
  try {
    if (database !== null) TASKS[task](database);
    return { error: null };
  } catch (error) {
    // Written out: under exact rights Deno lets a thread read this one file.
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function answer(message: CheckpointAnswer): void {
  self.postMessage(message);
}
