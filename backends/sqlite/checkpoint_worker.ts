/**
 * The other connection to the database, on a thread of its own: it carries the write-ahead log over into the database
 * file, and rewrites that file, without holding up the event loop.
 */

/// <reference lib="deno.worker" />

import { DatabaseSync } from "node:sqlite";
import type { CheckpointAnswer, CheckpointRequest } from "./checkpointer.ts";

/** How long a lock of the server's own connection is waited for; it holds none for longer than one call. */
const BUSY_TIMEOUT_MS = 5_000;

const TEXTS = {
  passive: "PRAGMA wal_checkpoint(PASSIVE)",
  truncate: "PRAGMA wal_checkpoint(TRUNCATE)",
  vacuum: "VACUUM",
} as const satisfies Record<CheckpointRequest["task"], string>;

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
    database?.exec(TEXTS[task]);
    return { error: null };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function answer(message: CheckpointAnswer): void {
  self.postMessage(message);
}
