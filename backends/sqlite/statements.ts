/**
 * Every SQL text of this backend, complete, by name.
 *
 * A row of the log has `id = (revision << 21) | sub`: one integer that orders the history and is the table's key, so
 * that "the newest version of a key at or before a revision" is one descent of the index on `key`, which ends in it.
 * `current` holds each live key's newest version: a list is then one walk over one table. `size` is its kv's length. A
 * small kv stands there whole. Of a larger one only what is in front of the value does, and the rest is one seek away, in
 * the log by `id`: where a row is longer than a quarter of a page, SQLite reads all of it for each comparison of its key.
 * `written_at`, in milliseconds since the epoch, is for people (`views.ts`); what was written before schema 3 has none.
 */

/** Bits of a log id that number the changes within a revision. The texts below repeat it as a literal. */
export const SUB_BITS = 21;
/** Most changes that one revision can hold. */
export const SUBS_MAX = 2 ** SUB_BITS;

export const SCHEMA = `
  CREATE TABLE log (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, live INTEGER NOT NULL, lease INTEGER NOT NULL,
    meta_size INTEGER NOT NULL, kv BLOB NOT NULL, written_at INTEGER
  ) STRICT;
  CREATE INDEX log_key ON log (key);
  CREATE INDEX log_tombstone ON log (key) WHERE live = 0;
  CREATE TABLE current (
    key BLOB PRIMARY KEY, id INTEGER NOT NULL, lease INTEGER NOT NULL, meta_size INTEGER NOT NULL,
    size INTEGER NOT NULL, frame BLOB NOT NULL, kv BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX current_lease ON current (lease) WHERE lease <> 0;
  CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;
  CREATE INDEX lease_expiry ON lease (expires_at);
  CREATE TABLE record (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE head (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), idx INTEGER NOT NULL, revision INTEGER NOT NULL,
    compact_revision INTEGER NOT NULL, trim_target INTEGER NOT NULL, trim_done INTEGER NOT NULL,
    trim_cursor INTEGER NOT NULL, cluster_id INTEGER NOT NULL, batch_id TEXT NOT NULL, appended_at INTEGER NOT NULL,
    records_idx INTEGER NOT NULL DEFAULT 0, leases_idx INTEGER NOT NULL DEFAULT 0, lease_pause INTEGER NOT NULL DEFAULT 0
  ) STRICT;`;

/** Schema version → the statements that make the next one of it. */
export const MIGRATIONS: Readonly<Record<number, string>> = {
  1: `ALTER TABLE head ADD COLUMN records_idx INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE head ADD COLUMN leases_idx INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE head ADD COLUMN lease_pause INTEGER NOT NULL DEFAULT 0;`,
  2: `ALTER TABLE log ADD COLUMN written_at INTEGER;`,
};

export const STATEMENTS = {
  begin: "BEGIN",
  beginWrite: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",

  createHead: `INSERT INTO head VALUES (1, 0, 1, -1, -1, 1, 0, ?, '', ?, 0, 0, 0)`,
  readHead:
    `SELECT idx, revision, compact_revision, records_idx, leases_idx, batch_id, appended_at, lease_pause
    FROM head`,
  isKine: `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'kine'`,
  readClusterId: `SELECT cluster_id FROM head`,
  readView: `SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?`,
  moveHead:
    `UPDATE head SET idx = ?, revision = ?, compact_revision = ?, records_idx = ?, leases_idx = ?, batch_id = ?,
      appended_at = ?, lease_pause = ?`,

  insertLog: `INSERT INTO log VALUES ((?1 << 21) | ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
  // What the log got above a revision becomes current, in order, so that the last row of each key stands.
  // `frame` goes in front of a kv in a packed page: the byte 0x12 and the kv's length as a varint. The longest row that is
  // read at once has 1,002 bytes (of a page of 4,096), some 40 of them besides key and kv.
  makeCurrent: `INSERT INTO current (key, id, lease, meta_size, size, frame, kv)
    SELECT key, id, lease, meta_size, octet_length(kv), unhex(CASE
      WHEN octet_length(kv) < 1 << 7 THEN format('12%02x', octet_length(kv))
      WHEN octet_length(kv) < 1 << 14 THEN format('12%02x%02x', octet_length(kv) & 127 | 128, octet_length(kv) >> 7)
      WHEN octet_length(kv) < 1 << 21 THEN format('12%02x%02x%02x',
        octet_length(kv) & 127 | 128, octet_length(kv) >> 7 & 127 | 128, octet_length(kv) >> 14)
      ELSE format('12%02x%02x%02x%02x', octet_length(kv) & 127 | 128, octet_length(kv) >> 7 & 127 | 128,
        octet_length(kv) >> 14 & 127 | 128, octet_length(kv) >> 21)
      END), CASE WHEN octet_length(key) + octet_length(kv) > 960 THEN substr(kv, 1, meta_size) ELSE kv END
    FROM log WHERE id >= (?1 + 1) << 21 AND live = 1 ORDER BY id
    ON CONFLICT (key) DO UPDATE SET id = excluded.id, lease = excluded.lease, meta_size = excluded.meta_size,
      size = excluded.size, frame = excluded.frame, kv = excluded.kv`,
  dropDeleted: `DELETE FROM current WHERE key IN (
    SELECT key FROM log l WHERE id >= (?1 + 1) << 21 AND live = 0
    AND NOT EXISTS (SELECT 1 FROM log n WHERE n.key = l.key AND n.id > l.id))`,
  putLease: `INSERT OR REPLACE INTO lease VALUES (?, ?, ?)`,
  deleteLease: `DELETE FROM lease WHERE id = ?`,
  putRecord: `INSERT OR REPLACE INTO record VALUES (?, ?)`,
  deleteRecord: `DELETE FROM record WHERE name = ?`,

  getCurrent:
    `SELECT CASE octet_length(kv) WHEN size THEN kv ELSE (SELECT l.kv FROM log l WHERE l.id = c.id) END
    FROM current c WHERE key = ?`,
  getAt: `SELECT CASE live WHEN 1 THEN kv END FROM log
    WHERE key = ?1 AND id < (?2 + 1) << 21 ORDER BY id DESC LIMIT 1`,
  getLease: `SELECT ttl, expires_at FROM lease WHERE id = ?`,
  getRecord: `SELECT value FROM record WHERE name = ?`,
  listLeases: `SELECT id, ttl, expires_at FROM lease ORDER BY expires_at, id LIMIT ?`,
  listLeaseKeys:
    `SELECT CASE octet_length(kv) WHEN size THEN kv ELSE (SELECT l.kv FROM log l WHERE l.id = c.id) END
    FROM current c WHERE lease = ?1 AND lease <> 0 ORDER BY key`,
  // The byte 0xff, which no text holds, ends what begins with the prefix. As text a name would be cut at a NUL.
  listRecords:
    `SELECT CAST(name AS BLOB), value FROM record WHERE name >= ?1 AND name < CAST(?2 AS TEXT) ORDER BY name`,

  // `keysOnly` cuts the value off. A kv above a size is answered as 1. Each has a twin for an interval without an
  // upper bound.
  range: `SELECT CASE WHEN CASE ?3 WHEN 1 THEN meta_size ELSE size END > ?5 THEN 1
      WHEN ?3 = 1 THEN substr(kv, 1, meta_size) WHEN octet_length(kv) = size THEN kv
      ELSE (SELECT l.kv FROM log l WHERE l.id = c.id) END FROM current c
    WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?4`,
  rangeOpen: `SELECT CASE WHEN CASE ?2 WHEN 1 THEN meta_size ELSE size END > ?4 THEN 1
      WHEN ?2 = 1 THEN substr(kv, 1, meta_size) WHEN octet_length(kv) = size THEN kv
      ELSE (SELECT l.kv FROM log l WHERE l.id = c.id) END FROM current c
    WHERE key >= ?1 ORDER BY key LIMIT ?3`,
  // An interval in one piece. Group_concat joins bytes as they are, and the cast only names them so. A kv above ?3
  // bytes is left out, so that the page stays small; then the two counts differ. (With a LIMIT below the aggregate it
  // would copy every row once more, and take twice the time: the interval's end is looked up before.)
  pack:
    `SELECT CAST(group_concat(CASE WHEN size <= ?3 THEN frame || CASE octet_length(kv) WHEN size THEN kv
      ELSE (SELECT l.kv FROM log l WHERE l.id = c.id) END END, '') AS BLOB),
    count(*), count(CASE WHEN size <= ?3 THEN 1 END) FROM current c WHERE key >= ?1 AND key < ?2`,
  packOpen:
    `SELECT CAST(group_concat(CASE WHEN size <= ?2 THEN frame || CASE octet_length(kv) WHEN size THEN kv
      ELSE (SELECT l.kv FROM log l WHERE l.id = c.id) END END, '') AS BLOB),
    count(*), count(CASE WHEN size <= ?2 THEN 1 END) FROM current c WHERE key >= ?1`,
  measureRange: `SELECT avg(size) FROM (
    SELECT size FROM current WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3)`,
  measureRangeOpen:
    `SELECT avg(size) FROM (SELECT size FROM current WHERE key >= ?1 ORDER BY key LIMIT ?2)`,
  keyAfter: `SELECT key FROM current WHERE key >= ?1 ORDER BY key LIMIT 1 OFFSET ?2`,
  keyAfterBefore:
    `SELECT key FROM current WHERE key >= ?1 AND key < ?3 ORDER BY key LIMIT 1 OFFSET ?2`,

  // At an older revision: what did not change since stands in `current`; what did is looked up in the log; and a key
  // whose newest row is a tombstone from after that revision may have lived then. NULL: did not live. In key order.
  rangeAt: `SELECT key, CASE
      WHEN id >= (?3 + 1) << 21 THEN (
        SELECT CASE WHEN live = 0 THEN NULL
          WHEN CASE ?4 WHEN 1 THEN l.meta_size ELSE octet_length(l.kv) END > ?6 THEN 1
          WHEN ?4 = 1 THEN substr(l.kv, 1, l.meta_size) ELSE l.kv END
        FROM log l WHERE l.key = c.key AND l.id < (?3 + 1) << 21 ORDER BY l.id DESC LIMIT 1)
      WHEN CASE ?4 WHEN 1 THEN meta_size ELSE size END > ?6 THEN 1
      WHEN ?4 = 1 THEN substr(kv, 1, meta_size) WHEN octet_length(kv) = size THEN kv
      ELSE (SELECT l.kv FROM log l WHERE l.id = c.id) END
    FROM current c WHERE key >= ?1 AND key < ?2
    UNION ALL
    SELECT key, (
        SELECT CASE WHEN live = 0 THEN NULL
          WHEN CASE ?4 WHEN 1 THEN l.meta_size ELSE octet_length(l.kv) END > ?6 THEN 1
          WHEN ?4 = 1 THEN substr(l.kv, 1, l.meta_size) ELSE l.kv END
        FROM log l WHERE l.key = t.key AND l.id < (?3 + 1) << 21 ORDER BY l.id DESC LIMIT 1)
    FROM log t WHERE live = 0 AND key >= ?1 AND key < ?2 AND id >= (?3 + 1) << 21
      AND NOT EXISTS (SELECT 1 FROM log n WHERE n.key = t.key AND n.id > t.id)
    ORDER BY 1 LIMIT ?5`,
  rangeAtOpen: `SELECT key, CASE
      WHEN id >= (?2 + 1) << 21 THEN (
        SELECT CASE WHEN live = 0 THEN NULL
          WHEN CASE ?3 WHEN 1 THEN l.meta_size ELSE octet_length(l.kv) END > ?5 THEN 1
          WHEN ?3 = 1 THEN substr(l.kv, 1, l.meta_size) ELSE l.kv END
        FROM log l WHERE l.key = c.key AND l.id < (?2 + 1) << 21 ORDER BY l.id DESC LIMIT 1)
      WHEN CASE ?3 WHEN 1 THEN meta_size ELSE size END > ?5 THEN 1
      WHEN ?3 = 1 THEN substr(kv, 1, meta_size) WHEN octet_length(kv) = size THEN kv
      ELSE (SELECT l.kv FROM log l WHERE l.id = c.id) END
    FROM current c WHERE key >= ?1
    UNION ALL
    SELECT key, (
        SELECT CASE WHEN live = 0 THEN NULL
          WHEN CASE ?3 WHEN 1 THEN l.meta_size ELSE octet_length(l.kv) END > ?5 THEN 1
          WHEN ?3 = 1 THEN substr(l.kv, 1, l.meta_size) ELSE l.kv END
        FROM log l WHERE l.key = t.key AND l.id < (?2 + 1) << 21 ORDER BY l.id DESC LIMIT 1)
    FROM log t WHERE live = 0 AND key >= ?1 AND id >= (?2 + 1) << 21
      AND NOT EXISTS (SELECT 1 FROM log n WHERE n.key = t.key AND n.id > t.id)
    ORDER BY 1 LIMIT ?4`,
  // Of a key that was deleted often there are many.
  tombstoneAfter: `SELECT key FROM log WHERE live = 0 AND key >= ?1 ORDER BY key LIMIT 1 OFFSET ?2`,
  tombstoneAfterBefore:
    `SELECT key FROM log WHERE live = 0 AND key >= ?1 AND key < ?3 ORDER BY key LIMIT 1 OFFSET ?2`,
  count: `SELECT count(*) FROM current WHERE key >= ?1 AND key < ?2`,
  countOpen: `SELECT count(*) FROM current WHERE key >= ?1`,
  countAt:
    `SELECT (SELECT count(*) FROM current c WHERE key >= ?1 AND key < ?2 AND (id < (?3 + 1) << 21 OR (
        SELECT live FROM log l WHERE l.key = c.key AND l.id < (?3 + 1) << 21 ORDER BY l.id DESC LIMIT 1) = 1))
    + (SELECT count(*) FROM log t WHERE live = 0 AND key >= ?1 AND key < ?2 AND id >= (?3 + 1) << 21
      AND NOT EXISTS (SELECT 1 FROM log n WHERE n.key = t.key AND n.id > t.id)
      AND (SELECT live FROM log l WHERE l.key = t.key AND l.id < (?3 + 1) << 21 ORDER BY l.id DESC LIMIT 1) = 1)`,
  countAtOpen: `SELECT (SELECT count(*) FROM current c WHERE key >= ?1 AND (id < (?2 + 1) << 21 OR (
        SELECT live FROM log l WHERE l.key = c.key AND l.id < (?2 + 1) << 21 ORDER BY l.id DESC LIMIT 1) = 1))
    + (SELECT count(*) FROM log t WHERE live = 0 AND key >= ?1 AND id >= (?2 + 1) << 21
      AND NOT EXISTS (SELECT 1 FROM log n WHERE n.key = t.key AND n.id > t.id)
      AND (SELECT live FROM log l WHERE l.key = t.key AND l.id < (?2 + 1) << 21 ORDER BY l.id DESC LIMIT 1) = 1)`,

  // From behind (revision ?1, sub ?2) through revision ?3, each with what its revision found if ?5, kvs above ?6 bytes as 1.
  history:
    `SELECT id >> 21, id & 2097151, key, CASE WHEN octet_length(kv) > ?6 THEN 1 ELSE kv END, meta_size,
      live, lease >> 32, lease & 4294967295,
      CASE WHEN ?5 THEN (SELECT CASE WHEN p.live = 0 THEN NULL WHEN octet_length(p.kv) > ?6 THEN 1 ELSE p.kv END
        FROM log p WHERE p.key = l.key AND p.id < l.id >> 21 << 21 ORDER BY p.id DESC LIMIT 1) END
    FROM log l WHERE id > ((?1 << 21) | ?2) AND id < (?3 + 1) << 21 ORDER BY id LIMIT ?4`,

  // Busy, frames in the log, frames carried over. Does nothing else.
  measureWal: `PRAGMA wal_checkpoint(NOOP)`,
  checkpointHere: `PRAGMA wal_checkpoint(PASSIVE)`,
  pageCount: `PRAGMA page_count`,
  freePages: `PRAGMA freelist_count`,
  pageSize: `PRAGMA page_size`,
  // Each table and index has a page of its own before it holds anything.
  rootPages: `SELECT count(*) FROM sqlite_schema WHERE rootpage > 0`,

  // One row for each page: to be read to the end, or it stops at the first.
  giveBackPages: `PRAGMA incremental_vacuum(128)`,

  readTrim: `SELECT trim_target, trim_done, trim_cursor FROM head`,
  moveTrim: `UPDATE head SET trim_target = ?, trim_done = ?, trim_cursor = ?`,
  // The last row that a step looks at; NULL at the end.
  trimStop: `SELECT max(id), count(*) FROM (
    SELECT id FROM log WHERE id > ?1 AND id < (?2 + 1) << 21 ORDER BY id LIMIT ?3)`,
  trimSuperseded: `DELETE FROM log WHERE id IN (
    SELECT p.id FROM log n CROSS JOIN log p ON p.key = n.key AND p.id < n.id WHERE n.id > ?1 AND n.id <= ?2)`,
  trimTombstones: `DELETE FROM log WHERE id > ?1 AND id <= ?2 AND live = 0 AND id < ?3 << 21`,
} as const satisfies Record<string, string>;

export type StatementName = keyof typeof STATEMENTS;
