/**
 * Shelf, a toy database for the template: ordered keys, conditional commits, and snapshots that can be read for five
 * seconds. It holds everything in memory, and with `--file` each commit is on disk before it is answered.
 *
 *     deno run --allow-net --allow-read --allow-write shelf_server.ts --listen 127.0.0.1:4100 [--file shelf.log]
 *
 * `POST /NAME/read`, `/NAME/commit`, `/NAME/size`, `/NAME/compact` and `/NAME/remove` take and give JSON. A key is text of
 * one character for each byte, a value is base64.
 */

import type {
  CommitRequest,
  ReadRequest,
  ReadResponse,
  Scan,
  ScanResult,
} from "./shelf_protocol.ts";

/** How long a snapshot can be read after the next commit. */
const SNAPSHOT_MS = 5_000;

type Entry = readonly [key: string, value: string];

interface Snapshot {
  readonly version: number;
  /** In order of the keys. */
  readonly entries: readonly Entry[];
  /** When the next one was made. */
  endedAtMs: number;
}

/** One named database. */
interface Shelf {
  /** The newest is the last. */
  readonly snapshots: Snapshot[];
}

const shelves = new Map<string, Shelf>();
let file: Deno.FsFile | undefined;

function shelfOf(name: string): Shelf {
  const found = shelves.get(name);
  if (found !== undefined) return found;
  const shelf = { snapshots: [{ version: 0, entries: [], endedAtMs: Infinity }] };
  shelves.set(name, shelf);
  return shelf;
}

function newest({ snapshots }: Shelf): Snapshot {
  const last = snapshots.at(-1);
  if (last === undefined) throw new Error("a shelf has at least one snapshot");
  return last;
}

/** The place of the first entry whose key is not below this one. */
function place(entries: readonly Entry[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.[0] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function get({ entries }: Snapshot, key: string): string | null {
  const entry = entries[place(entries, key)];
  return entry?.[0] === key ? entry[1] : null;
}

function scan({ entries }: Snapshot, query: Scan): ScanResult {
  const { start, end, limit, bytesMax = Infinity, reverse = false, keysOnly = false } = query;
  const from = place(entries, start);
  const to = end === null ? entries.length : place(entries, end);
  const found: Entry[] = [];
  let bytes = 0;
  for (let count = 0; count < to - from; count++) {
    if (found.length >= limit || bytes >= bytesMax) return { entries: found, more: true };
    const [key, value] = entries[reverse ? to - 1 - count : from + count] ?? ["", ""];
    found.push([key, keysOnly ? "" : value]);
    bytes += value.length;
  }
  return { entries: found, more: false };
}

function read(shelf: Shelf, { version, scans }: ReadRequest): Response {
  const snapshot = version === null
    ? newest(shelf)
    : shelf.snapshots.find((one) => one.version === version);
  if (snapshot === undefined) return new Response("that snapshot is gone", { status: 410 });
  const response: ReadResponse = {
    version: snapshot.version,
    nowMs: Date.now(),
    results: scans.map((query) => scan(snapshot, query)),
  };
  return Response.json(response);
}

function commit(name: string, { checks, writes }: CommitRequest): Response {
  const last = newest(shelfOf(name));
  for (const [key, value] of checks) {
    if (get(last, key) !== value) return new Response("a check failed", { status: 409 });
  }
  keep(name, writes);
  apply(name, writes);
  return Response.json({});
}

/** Merges the writes into a new snapshot; the old one stays as it is. */
function apply(name: string, writes: CommitRequest["writes"]): void {
  const shelf = shelfOf(name);
  const last = newest(shelf);
  const entries = new Map(last.entries);
  for (const [key, value] of writes) {
    if (value === null) entries.delete(key);
    else entries.set(key, value);
  }
  const nowMs = Date.now();
  last.endedAtMs = nowMs;
  const isNew = writes.some(([key]) => get(last, key) === null);
  const merged = [...entries];
  if (isNew) merged.sort(([a], [b]) => a < b ? -1 : 1);
  shelf.snapshots.push({ version: last.version + 1, entries: merged, endedAtMs: Infinity });
  const kept = shelf.snapshots.findIndex(({ endedAtMs }) => nowMs - endedAtMs < SNAPSHOT_MS);
  shelf.snapshots.splice(0, kept);
}

/** A line for each commit; `null` for a shelf that was removed. It is on disk when this returns. */
function keep(name: string, writes: CommitRequest["writes"] | null): void {
  if (file === undefined) return;
  writeLine(file, [name, writes]);
  file.syncDataSync();
}

function writeLine(to: Deno.FsFile, line: unknown): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}

/** Takes in what a file holds. A last line without an end was never acknowledged. */
function load(path: string): void {
  const lines = Deno.readTextFileSync(path).split("\n").slice(0, -1);
  for (const line of lines) {
    const [name, writes] = JSON.parse(line);
    if (writes === null) shelves.delete(name);
    else apply(name, writes);
  }
}

/** Writes a file anew with nothing in it but what is there now. */
function compact(path: string): void {
  const next = Deno.openSync(`${path}.new`, { write: true, create: true, truncate: true });
  for (const [name, shelf] of shelves) writeLine(next, [name, newest(shelf).entries]);
  next.syncSync();
  next.close();
  Deno.renameSync(`${path}.new`, path);
  file?.close();
  file = Deno.openSync(path, { append: true });
}

function remove(name: string): void {
  keep(name, null);
  shelves.delete(name);
}

export interface ServerOptions {
  /** 0 for a free one. */
  readonly port: number;
  /** Commits are kept there; in memory alone if there is none. */
  readonly path?: string;
}

/** Serves until it is shut down. One at a time in a process. */
export function serveShelves({ port, path }: ServerOptions): Deno.HttpServer<Deno.NetAddr> {
  shelves.clear();
  if (path !== undefined) {
    Deno.openSync(path, { write: true, create: true }).close();
    load(path);
    compact(path);
  }
  const server = Deno.serve(
    { hostname: "127.0.0.1", port, onListen: () => {} },
    async (request) => {
      const [, name = "", method = ""] = new URL(request.url).pathname.split("/");
      const body = await request.json();
      switch (method) {
        case "read":
          return read(shelfOf(name), body);
        case "commit":
          return commit(name, body);
        case "size": {
          const { entries } = scan(newest(shelfOf(name)), { ...body, limit: Infinity });
          const bytes = entries.reduce(
            (sum, [key, value]) => sum + key.length + value.length * 3 / 4,
            0,
          );
          return Response.json({ bytes: Math.round(bytes) });
        }
        case "compact":
          if (path !== undefined) compact(path);
          return Response.json({});
        case "remove":
          remove(name);
          return Response.json({});
        default:
          return new Response("no such method", { status: 404 });
      }
    },
  );
  void server.finished.then(() => {
    file?.close();
    file = undefined;
  });
  return server;
}

if (import.meta.main) {
  const valueOf = (flag: string) => Deno.args[Deno.args.indexOf(flag) + 1];
  const path = Deno.args.includes("--file") ? valueOf("--file") : undefined;
  const { addr } = serveShelves({
    port: Number(valueOf("--listen")?.split(":").at(-1) ?? 4_100),
    ...(path === undefined ? {} : { path }),
  });
  const ready = `Shelf is ready to serve client requests at http://127.0.0.1:${addr.port}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(ready));
}
