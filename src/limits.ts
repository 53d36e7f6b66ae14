/**
 * Every bound on size, count and time that is not a flag, with what happens at it. Relations between them are asserted
 * at the end, so that a change to one cannot quietly break another.
 */
import assert from "node:assert/strict";

const MIB = 1024 * 1024;

// --- Requests (etcd's defaults; source: etcd's server/embed/config.go) ---

/** A marshalled write above this is refused as "request is too large". */
export const REQUEST_BYTES_MAX = 1.5 * MIB;
/** What etcd adds to `REQUEST_BYTES_MAX` for gRPC's own message limit; above it gRPC refuses the message. */
export const REQUEST_OVERHEAD_BYTES = 512 * 1024;
/** Operations or compares in one transaction; more are refused. */
export const TXN_OPS_MAX = 128;
/** Messages within messages of a request; a deeper one is malformed. A transaction takes two for each level. */
export const MESSAGE_DEPTH_MAX = 300;

// --- The writer ---

/** Requests in one group commit; later ones wait for the next. */
export const COMMIT_REQUESTS_MAX = 512;
/** Bytes of requests in one group commit (one more request may pass it); later ones wait for the next. */
export const COMMIT_BYTES_MAX = 4 * MIB;
/** Requests waiting to be written; further ones are refused with "too many requests". */
export const WRITER_QUEUE_MAX = 20_000;
/** Bytes of requests waiting to be written; further ones are refused with "too many requests". */
export const WRITER_QUEUE_BYTES_MAX = 128 * MIB;

/** Pause before a batch that could not be written is tried again, on a store that others write too; it doubles. */
export const APPEND_PAUSE_MS_MIN = 20;
/** The longest such pause. */
export const APPEND_PAUSE_MS_MAX = 500;
/** Races in a row that a batch may lose against other servers; then it waits for this server's turn. */
export const RACES_LOST_MAX = 3;
/** Pause before the history is asked again for what other servers wrote, after it could not be read. */
export const FOLLOW_RETRY_MS = 250;

// --- The reader ---

/** Rows of one page; between pages of a large range the event loop serves others. */
export const PAGE_ROWS = 2_000;
/** Bytes after which a page ends. */
export const PAGE_BYTES = 1 * MIB;
/** Rows of one page of what reads all of the history: it takes long, so that others shall hardly notice it. */
export const SMALL_PAGE_ROWS = 100;
/** Bytes after which such a page ends. */
export const SMALL_PAGE_BYTES = 256 * 1024;
/** Rows of one page of a list that is answered whole, from a database server: each page is a question to it. */
export const LARGE_PAGE_ROWS = 8_000;
/** Bytes after which such a page ends. */
export const LARGE_PAGE_BYTES = 4 * MIB;
/** Times a range starts again because a compaction overtook it; then it answers "request timed out". */
export const RANGE_RESTARTS_MAX = 5;
/** Questions for single keys under way at the same time, where other servers write too; further reads share the next. */
export const POINT_READS_MAX = 2;
/** Keys in one such question. */
export const POINT_READ_KEYS_MAX = 512;
/** Bytes of key-values kept for point reads and for the previous version of what is written: some 23,000 keys of 512 bytes. */
export const HOT_BYTES_MAX = 24 * MIB;
/** The same of a shared store, where each key that is missing there costs a round trip: some 64,000 keys of 512 bytes. */
export const HOT_BYTES_MAX_SHARED = 64 * MIB;
/** Intervals whose key count is kept up to date with each commit. */
export const LIVE_COUNTS_MAX = 64;
/** Remembered counts of what follows the pages of limited lists. */
export const PAGE_COUNTS_MAX = 1_024;

// --- Watches ---

/** Bytes of recent events kept in memory, from which watchers that are a little behind are served. */
export const RECENT_EVENTS_BYTES_MAX = 8 * MIB;
/** Recent commits kept in memory, likewise. */
export const RECENT_COMMITS_MAX = 4_096;
/**
 * Bytes buffered for one watch stream; past it its watchers wait and later read what they missed from the store. The
 * response that passes it may be a large one, as a revision is not cut unasked; other watchers of the stream are sent
 * that one too, since it is in memory once for all of them.
 */
export const WATCH_STREAM_BYTES_MAX = 4 * MIB;
/** The same for all watch streams together: with many of them, each has its share. */
export const WATCH_STREAMS_BYTES_MAX = 128 * MIB;
/** The smallest share; more than the transport calls drained, or a full stream would try again and again. */
export const WATCH_STREAM_BYTES_MIN = 128 * 1024;
/** Rows read at once for watchers that catch up. */
export const CATCH_UP_ROWS = 1_000;
/** Bytes after which such a page ends. */
export const CATCH_UP_BYTES = 1 * MIB;
/** Pages read from the store at the same time; further watchers wait for their turn. */
export const CATCH_UP_READS_MAX = 4;
/** Wait before watchers are served again after the store could not be read. */
export const CATCH_UP_RETRY_MS = 500;
/** Bytes after which a response ends with the revision it has come to; the next revision goes into another one. */
export const WATCH_RESPONSE_BYTES = 1 * MIB;
/** Periodic progress notifications, unless a flag says otherwise, as in etcd. */
export const WATCH_PROGRESS_INTERVAL_MS = 10 * 60 * 1_000;
/** Shortest interval of periodic progress notifications, as in etcd. */
export const WATCH_PROGRESS_INTERVAL_MS_MIN = 100;
/** Longest one: timers take 31 bits, jitter included. */
export const WATCH_PROGRESS_INTERVAL_MS_MAX = 0x7000_0000;

// --- Leases (etcd's; source: server/lease/lessor.go) ---

/** Longest TTL, in seconds; more is refused. */
export const LEASE_TTL_MAX = 9_000_000_000;
/** How often expired leases are looked for. */
export const LEASE_CHECK_INTERVAL_MS = 500;
/** Leases revoked by one such look; the rest follows at the next. */
export const LEASE_REVOKES_PER_CHECK = 500;
/** Leases of one list; more are left out. */
export const LEASES_LISTED_MAX = 1_000_000;
/** While leases exist and nothing else is written, the store is told this often that a server lives. */
export const LEASE_HEARTBEAT_MS = 2_000;
/** A longer time without any write is one in which nobody could renew: it does not count for leases. */
export const LEASE_GAP_MS = 5_000;

// --- Snapshots ---

/** Snapshots made or sent at the same time, each a file as large as the store; further ones wait. */
export const SNAPSHOTS_MAX = 4;
/** Snapshots that wait; further ones are refused with "too many requests". */
export const SNAPSHOTS_WAITING_MAX = 64;
/** A client that takes nothing of its snapshot for so long is told "request timed out": its file takes up space. */
export const SNAPSHOT_STALL_MS = 60_000;
/** Bytes of pages collected before they are written to the file. */
export const SNAPSHOT_WRITE_BYTES = 512 * 1024;
/** Times that leases and records are read until both are of one moment; then "request timed out". */
export const SNAPSHOT_STATE_READS_MAX = 50;

// --- Authentication ---

/** Longest name of a user or role, in bytes: with it, the name of a record fits a key of every store. A longer one is refused. */
export const AUTH_NAME_BYTES_MAX = 1_024;
/** Tokens of one user; the one longest unused ends when another is given. */
export const AUTH_TOKENS_PER_USER_MAX = 2_000;
/** Tokens of all users together, likewise. Servers of one database read all of them again when one comes or goes. */
export const AUTH_TOKENS_MAX = 10_000;
/** How often idle tokens are looked for, as in etcd. */
export const AUTH_TOKEN_CHECK_INTERVAL_MS = 1_000;
/** Idle tokens that one such look ends; the rest follows at the next. */
export const AUTH_TOKENS_ENDED_PER_CHECK = 1_000;
/** Times a read starts again because users or roles were changed meanwhile; then "revision of auth store is old". */
export const AUTH_READ_ATTEMPTS_MAX = 5;
/** Times a password is looked at again because users or roles were changed meanwhile; then likewise. */
export const AUTHENTICATE_ATTEMPTS_MAX = 10;

// --- Members ---

/** How often a server tells the others of its store that it is there. */
export const MEMBER_ANNOUNCE_MS = 5_000;
/** A server that did not for so long is no member any more. */
export const MEMBER_ALIVE_MS = 12_000;

// --- Authentication ---

/** Threads that hash passwords; each hash takes one for some 80 ms at the default cost. */
export const PASSWORD_THREADS_MAX = 2;
/** Log-ins waiting for such a thread, half a minute's at the default cost; more are refused with "too many requests". */
export const PASSWORD_QUEUE_MAX = 1_000;
/** Longest time for one hash, whose cost its maker chose; then its thread is ended, and it is "request timed out". */
export const PASSWORD_TASK_MS_MAX = 30_000;
/** Verified tokens (JWT) that are remembered, as a signature takes 0.3 ms; the oldest go. */
export const JWT_REMEMBERED_MAX = 1_024;
/** A longer token is malformed: it comes with every call. */
export const JWT_LENGTH_MAX = 16 * 1024;

// --- Time ---

/** Longest wait for a write; then "request timed out". etcd: 5 s and twice the election timeout. */
export const REQUEST_TIMEOUT_MS = 7_000;
/** From SIGTERM until open calls are cut. */
export const DRAIN_GRACE_MS = 2_000;

assert.ok(COMMIT_BYTES_MAX >= REQUEST_BYTES_MAX, "a request of the largest size fits a commit");
assert.ok(WRITER_QUEUE_BYTES_MAX > COMMIT_BYTES_MAX, "the queue holds more than one commit");
assert.ok(MESSAGE_DEPTH_MAX > 2 * TXN_OPS_MAX, "transactions nest as deep as they may be long");
assert.ok(WRITER_QUEUE_MAX > COMMIT_REQUESTS_MAX, "the queue holds more than one commit");
assert.ok(MEMBER_ALIVE_MS > 2 * MEMBER_ANNOUNCE_MS, "a late announcement does not cost membership");
assert.ok(LEASE_GAP_MS > 2 * LEASE_HEARTBEAT_MS, "a late heartbeat does not look like an outage");
assert.ok(AUTH_TOKENS_MAX >= AUTH_TOKENS_PER_USER_MAX, "the bound of one user is reached first");
assert.ok(RECENT_EVENTS_BYTES_MAX > COMMIT_BYTES_MAX, "a commit's events fit the recent ones");
