/** `etcd_mvcc_*`, `etcd_debugging_*` and `etcd_disk_*`: keys, watchers, leases, and the way to the disk. */

import type { Family } from "./family.ts";
import { counter, gauge, histogram } from "./plain_families.ts";
import type { Scrape } from "./sources.ts";

/** Keys, and what is done to them. */
export function keyFamilies({ store, facts }: Scrape): Family[] {
  const { counts } = store;
  return [
    counter("etcd_mvcc_put_total", {
      help: "Total number of puts seen by this member.",
      read: () => counts.puts,
    }),
    counter("etcd_mvcc_delete_total", {
      help: "Total number of deletes seen by this member.",
      note: "keys that were deleted, where etcd counts calls",
      read: () => counts.deletes,
    }),
    counter("etcd_mvcc_range_total", {
      help: "Total number of ranges seen by this member.",
      note: "of clients; etcd counts its own besides",
      read: () => counts.ranges,
    }),
    counter("etcd_mvcc_txn_total", {
      help: "Total number of txns seen by this member.",
      note: "of more than one operation or compare",
      read: () => counts.txns,
    }),
    gauge("etcd_debugging_mvcc_total_put_size_in_bytes", {
      help: "The total size of put kv pairs seen by this member.",
      read: () => counts.putBytes,
    }),
    gauge("etcd_debugging_mvcc_keys_total", {
      help: "Total number of keys.",
      note: "that live, at most 15 s old; etcd's has deleted ones too, until they are compacted",
      read: () => facts().keys,
    }),
    gauge("etcd_debugging_mvcc_current_revision", {
      help: "The current revision of store.",
      read: () => store.head.revision,
    }),
    gauge("etcd_debugging_mvcc_compact_revision", {
      help: "The revision of the last compaction in store.",
      read: () => store.head.compactRevision,
    }),
    gauge("etcd_mvcc_db_total_size_in_bytes", {
      help: "Total size of the underlying database physically allocated in bytes.",
      note: "at most 15 s old",
      read: () => facts().size?.total,
    }),
    gauge("etcd_mvcc_db_total_size_in_use_in_bytes", {
      help: "Total size of the underlying database logically in use in bytes.",
      note: "at most 15 s old",
      read: () => facts().size?.inUse,
    }),
    gauge("etcd_mvcc_db_open_read_transactions", {
      help: "The number of currently open read transactions",
      note: "always 0: none stays open between two questions to the store",
      read: () => 0,
    }),
  ];
}

/** The way to the disk. */
export function diskFamilies({ recorders: { commits, statements } }: Scrape): Family[] {
  return [
    histogram("etcd_disk_wal_fsync_duration_seconds", {
      help: "The latency distributions of fsync called by WAL.",
      note:
        "on SQLite the syncs of its log; elsewhere as `etcd_disk_backend_commit_duration_seconds`",
      read: () => statements.syncs.count > 0 ? statements.syncs : commits.seconds,
    }),
    histogram("etcd_disk_backend_commit_duration_seconds", {
      help: "The latency distributions of commit called by backend.",
      note: "of group commits, from the first statement until they are on disk",
      read: () => commits.seconds,
    }),
    gauge("etcd_disk_wal_write_bytes_total", {
      help: "Total number of bytes written in WAL.",
      note: "of key-values committed by this server",
      read: () => commits.bytes,
    }),
  ];
}

/** Compactions, of which trimming is the work. */
export function compactionFamilies({ events, recorders: { compactions } }: Scrape): Family[] {
  return [
    counter("etcd_debugging_mvcc_db_compaction_keys_total", {
      help: "Total number of db keys compacted.",
      read: () => compactions.removed,
    }),
    gauge("etcd_debugging_mvcc_db_compaction_last", {
      help: "The unix time of the last db compaction. Resets to 0 on start.",
      read: () => events.lastCompactionSeconds,
    }),
    histogram("etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds", {
      help: "Bucketed histogram of db compaction pause duration.",
      note: "of one step of trimming",
      read: () => compactions.pauseMs,
    }),
    histogram("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds", {
      help: "Bucketed histogram of db compaction total duration.",
      read: () => compactions.totalMs,
    }),
  ];
}

export function watchFamilies({ hub }: Scrape): Family[] {
  return [
    gauge("etcd_debugging_mvcc_watch_stream_total", {
      help: "Total number of watch streams.",
      read: () => hub.streams,
    }),
    gauge("etcd_debugging_mvcc_watcher_total", {
      help: "Total number of watchers.",
      read: () => hub.watchers,
    }),
    gauge("etcd_debugging_mvcc_slow_watcher_total", {
      help: "Total number of unsynced slow watchers.",
      read: () => hub.slowWatchers,
    }),
    counter("etcd_debugging_mvcc_events_total", {
      help: "Total number of events sent by this member.",
      read: () => hub.eventsSent,
    }),
    gauge("etcd_debugging_mvcc_pending_events_total", {
      help: "Total number of pending events to be sent.",
      note: "revisions that slow watchers have not been given yet, of all of them together",
      read: () => hub.backlog().sum,
    }),
  ];
}

export function leaseFamilies({ lessor: { counts }, recorders }: Scrape): Family[] {
  return [
    counter("etcd_debugging_lease_granted_total", {
      help: "The total number of granted leases.",
      read: () => counts.granted,
    }),
    counter("etcd_debugging_lease_renewed_total", {
      help: "The number of renewed leases seen by the leader.",
      read: () => counts.renewed,
    }),
    counter("etcd_debugging_lease_revoked_total", {
      help: "The total number of revoked leases.",
      read: () => counts.revoked,
    }),
    counter("etcd_debugging_server_lease_expired_total", {
      help: "The total number of expired leases.",
      note: "that this server has revoked",
      read: () => counts.expired,
    }),
    histogram("etcd_debugging_lease_ttl_total", {
      help: "Bucketed histogram of lease TTLs.",
      read: () => recorders.leaseTtls,
    }),
  ];
}
