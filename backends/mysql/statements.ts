/**
 * Every SQL text of this backend, complete, by name, in what MariaDB and MySQL have in common.
 *
 * A row of the log has `id = (revision << 21) | sub`: one integer that orders the history and is the table's key, so that
 * "the newest version of a key before an id" is the end of one range of the index on `(k, id)`. `rhino_current` holds each
 * live key's newest version, whole, ordered by key. A kv stands with its frame (`backends/sql/frame.ts`); `size` is the
 * length with it, and `cut` where the value begins. `rhino_tombstone` lists the log's tombstones by key: InnoDB has no
 * partial indexes, and an index of all rows would cost each of them.
 *
 * Indexes are named where a table is large: InnoDB's statistics are old at times, and a wrong guess reads all of it.
 *
 * `written_at`, in UTC as every session of ours is, is for people (`views.ts`): the server fills it in, also for a Rhino
 * that does not know of it.
 *
 * `:name` is a value (`literals.ts`); `:bound` is the lowest log id above a revision. Keys of a correlated lookup are found
 * by `k = …` alone, and then from the newest backwards, since neither MariaDB nor MySQL uses a bound that changes with each
 * row: so it passes what is newer than the revision. Where a key may have very many versions, the keys are written into
 * the statement (`versionBefore`, `versionsBefore`).
 */

/** Bits of a log id that number the changes within a revision. The texts below repeat it as a literal. */
export const SUB_BITS = 21;
/** Most changes that one revision can hold. */
export const SUBS_MAX = 2 ** SUB_BITS;

/** What `rhino_head` says of the tables below. */
export const SCHEMA_VERSION = 1;

/** One statement for each table. Whoever repeats them does no harm. */
export const TABLES: Readonly<Record<string, string>> = {
  rhino_log: `CREATE TABLE IF NOT EXISTS rhino_log (
  id BIGINT NOT NULL PRIMARY KEY, k VARBINARY(3000) NOT NULL, live TINYINT NOT NULL, lease BIGINT NOT NULL,
  cut INT NOT NULL, size INT NOT NULL, kv LONGBLOB NOT NULL, written_at DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3),
  KEY rhino_log_key (k, id, live)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
  rhino_tombstone: `CREATE TABLE IF NOT EXISTS rhino_tombstone (
  k VARBINARY(3000) NOT NULL, id BIGINT NOT NULL,
  PRIMARY KEY (k, id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
  // The index on the key alone is the narrow one, for counting.
  rhino_current: `CREATE TABLE IF NOT EXISTS rhino_current (
  k VARBINARY(3000) NOT NULL PRIMARY KEY, id BIGINT NOT NULL, lease BIGINT NOT NULL,
  cut INT NOT NULL, size INT NOT NULL, kv LONGBLOB NOT NULL,
  KEY rhino_current_lease (lease), KEY rhino_current_key (k)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
  rhino_lease: `CREATE TABLE IF NOT EXISTS rhino_lease (
  id BIGINT NOT NULL PRIMARY KEY, ttl BIGINT NOT NULL, expires_at BIGINT NOT NULL,
  KEY rhino_lease_expiry (expires_at, id, ttl)
) ENGINE = InnoDB`,
  rhino_record: `CREATE TABLE IF NOT EXISTS rhino_record (
  name VARBINARY(3000) NOT NULL PRIMARY KEY, value LONGBLOB NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
  rhino_batch: `CREATE TABLE IF NOT EXISTS rhino_batch (
  slot INT NOT NULL PRIMARY KEY, idx BIGINT NOT NULL, batch_id VARBINARY(64) NOT NULL
) ENGINE = InnoDB`,
  rhino_member: `CREATE TABLE IF NOT EXISTS rhino_member (
  id BIGINT UNSIGNED NOT NULL PRIMARY KEY, info MEDIUMBLOB NOT NULL, seen_at BIGINT NOT NULL
) ENGINE = InnoDB`,
  rhino_trim: `CREATE TABLE IF NOT EXISTS rhino_trim (
  only_row TINYINT NOT NULL PRIMARY KEY, target BIGINT NOT NULL, done TINYINT NOT NULL, position BIGINT NOT NULL
) ENGINE = InnoDB`,
  // Written only to have the log of InnoDB synced: a row for some connections each, so that they do not wait for another.
  rhino_settle: `CREATE TABLE IF NOT EXISTS rhino_settle (
  slot INT NOT NULL PRIMARY KEY, n BIGINT NOT NULL
) ENGINE = InnoDB`,
  rhino_head: `CREATE TABLE IF NOT EXISTS rhino_head (
  only_row TINYINT NOT NULL PRIMARY KEY, idx BIGINT NOT NULL, revision BIGINT NOT NULL,
  compact_revision BIGINT NOT NULL, records_idx BIGINT NOT NULL, leases_idx BIGINT NOT NULL,
  batch_id VARBINARY(64) NOT NULL, cluster_id BIGINT UNSIGNED NOT NULL, appended_at BIGINT NOT NULL,
  lease_pause BIGINT NOT NULL, schema_version INT NOT NULL
) ENGINE = InnoDB`,
};

export const STATEMENTS = {
  // Nothing of the server's or the user's own settings may change what the statements below mean.
  setVariables:
    `SET SESSION sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00', autocommit = 1, sql_safe_updates = 0,
      innodb_lock_wait_timeout = :lockWaitS, lock_wait_timeout = :lockWaitS, wait_timeout = :idleS`,
  setIsolation: `SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE`,
  setLittleIsolation: `SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE`,
  showVariables:
    `SHOW VARIABLES WHERE Variable_name IN ('version', 'read_only', 'super_read_only', 'innodb_read_only',
      'max_allowed_packet', 'log_bin', 'binlog_format', 'sync_binlog', 'innodb_flush_log_at_trx_commit', 'wsrep_on',
      'max_statement_time', 'information_schema_stats_expiry')`,
  // A read on one node of Galera sees what was acknowledged on another. (1: for reads and the beginning of transactions)
  setSyncWait: `SET SESSION wsrep_sync_wait = 1`,
  // MariaDB: a statement whose client has left ends some day. In seconds.
  setStatementTime: `SET SESSION max_statement_time = :seconds`,
  // MySQL: no sizes from yesterday.
  setFreshSizes: `SET SESSION information_schema_stats_expiry = 0`,

  beginRead: `START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY`,
  // For a write: without gaps being locked, and without locks on rows that a condition rejects.
  lockLittle: `SET TRANSACTION ISOLATION LEVEL READ COMMITTED`,
  beginWrite: `START TRANSACTION`,
  commit: `COMMIT`,
  rollback: `ROLLBACK`,
  // For a transaction that waits for this program: it shall not hold locks when this program stands still; and what follows
  // it, if a cluster has ended it meanwhile, shall not be committed piece by piece.
  holdBriefly: `SET SESSION wait_timeout = :heldS, autocommit = 0`,
  holdLong: `SET SESSION wait_timeout = :idleS, autocommit = 1`,
  // MariaDB: what is written between the two is one statement. If any of it fails, all is rolled back at once.
  beginBlock:
    `BEGIN NOT ATOMIC DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END; `,
  endBlock: `;END`,

  lockCreation: `SELECT GET_LOCK(CONCAT('rhino ', SHA1(DATABASE())), :waitS)`,
  unlockCreation: `SELECT RELEASE_LOCK(CONCAT('rhino ', SHA1(DATABASE())))`,
  checkTables:
    `SELECT 1 FROM rhino_log, rhino_tombstone, rhino_current, rhino_lease, rhino_record, rhino_batch,
    rhino_member, rhino_trim, rhino_settle, rhino_head LIMIT 0`,
  countViewColumns: `SELECT COUNT(*) FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name IN ('rhino_kv', 'rhino_history')`,
  // Whoever waits for a table's lock holds up everybody who comes behind.
  setTableWait: `SET SESSION lock_wait_timeout = :waitS`,
  // One node of a cluster makes the views, the others see that it does.
  prepareClaim: `INSERT IGNORE INTO rhino_settle (slot, n) VALUES (-2, 0)`,
  claimViews: `UPDATE rhino_settle SET n = :columns WHERE slot = -2 AND n < :columns`,
  createTrim: `INSERT IGNORE INTO rhino_trim VALUES (1, -1, 1, 0)`,
  createHead: `INSERT IGNORE INTO rhino_head VALUES (1, 0, 1, -1, 0, 0, x'', :clusterId,
    CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED), 0, :schemaVersion)`,
  readIdentity: `SELECT cluster_id, schema_version FROM rhino_head WHERE only_row = 1`,

  // Head, and head with the lease clock. What follows a revision needs no snapshot with it.
  head:
    `SELECT idx, revision, compact_revision, records_idx, leases_idx, batch_id FROM rhino_head WHERE only_row = 1`,
  headWithClock:
    `SELECT idx, revision, compact_revision, records_idx, leases_idx, batch_id, appended_at, lease_pause,
      CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) FROM rhino_head WHERE only_row = 1`,
  slot: `SELECT idx, batch_id FROM rhino_batch WHERE slot = :slot`,

  // Does nothing, and locks nothing, if the head stands elsewhere. The clock is read once the row is locked.
  moveHead: `UPDATE rhino_head SET
      lease_pause = lease_pause + IF(CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) - appended_at > :gapMs,
        CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) - appended_at, 0),
      appended_at = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED), idx = :index, revision = :revision,
      compact_revision = :compactRevision, records_idx = :recordsIndex, leases_idx = :leasesIndex, batch_id = :batchId
    WHERE only_row = 1 AND idx = :baseIndex AND batch_id = :baseBatchId`,
  // Fails if the statement before did not move the head, and with it ends what follows: NULL is not allowed here.
  takeSlot:
    `INSERT INTO rhino_batch (slot, idx, batch_id) VALUES (:slot, IF(ROW_COUNT() = 1, :index, NULL), :batchId)
    ON DUPLICATE KEY UPDATE idx = VALUES(idx), batch_id = VALUES(batch_id)`,
  // Rows are written behind these two.
  insertLog: `INSERT INTO rhino_log (id, k, live, lease, cut, size, kv) VALUES `,
  insertTombstones: `INSERT INTO rhino_tombstone (k, id) VALUES `,
  // What the log got becomes current: all of it, or, where it has several versions of a key or tombstones, some.
  makeAllCurrent: `INSERT INTO rhino_current (k, id, lease, cut, size, kv)
    SELECT k, id, lease, cut, size, kv FROM rhino_log FORCE INDEX (PRIMARY) WHERE id >= :bound
    ON DUPLICATE KEY UPDATE id = VALUES(id), lease = VALUES(lease), cut = VALUES(cut), size = VALUES(size),
      kv = VALUES(kv)`,
  makeCurrent: `INSERT INTO rhino_current (k, id, lease, cut, size, kv)
    SELECT k, id, lease, cut, size, kv FROM rhino_log FORCE INDEX (PRIMARY) WHERE id IN :ids
    ON DUPLICATE KEY UPDATE id = VALUES(id), lease = VALUES(lease), cut = VALUES(cut), size = VALUES(size),
      kv = VALUES(kv)`,
  dropCurrent: `DELETE c FROM rhino_current c FORCE INDEX (PRIMARY) WHERE c.k IN :keys`,
  readLeaseClock:
    `SELECT appended_at - lease_pause INTO @rhino_lease_now FROM rhino_head WHERE only_row = 1`,
  putLease:
    `INSERT INTO rhino_lease (id, ttl, expires_at) VALUES (:id, :ttl, @rhino_lease_now + :remainingMs)
    ON DUPLICATE KEY UPDATE ttl = VALUES(ttl), expires_at = VALUES(expires_at)`,
  deleteLeases: `DELETE FROM rhino_lease WHERE id IN :ids`,
  putRecord: `INSERT INTO rhino_record (name, value) VALUES (:name, :value)
    ON DUPLICATE KEY UPDATE value = VALUES(value)`,
  deleteRecord: `DELETE FROM rhino_record WHERE name = :name`,
  lockHead: `SELECT idx FROM rhino_head WHERE only_row = 1 FOR UPDATE`,
  settle:
    `INSERT INTO rhino_settle (slot, n) VALUES (CONNECTION_ID() % 64, 1) ON DUPLICATE KEY UPDATE n = n + 1`,
  // With the one before: everything that Rhino does to tables, done to nothing.
  tryWriting: `DELETE FROM rhino_settle WHERE slot = -1`,

  // One statement is one moment: the head, and once for each key that lives, what it holds.
  headAndKeys: `SELECT idx, revision, compact_revision, records_idx, leases_idx, batch_id, c.k, c.kv
    FROM rhino_head LEFT JOIN rhino_current c FORCE INDEX (PRIMARY) ON c.k IN :keys WHERE only_row = 1`,
  keys: `SELECT k, kv, id >> 21 FROM rhino_current FORCE INDEX (PRIMARY) WHERE k IN :keys`,
  // NULL: it did not live. To be joined by UNION ALL.
  versionBefore: `(SELECT :at, IF(live, kv, NULL) FROM rhino_log FORCE INDEX (rhino_log_key)
    WHERE k = :key AND id < :bound ORDER BY id DESC LIMIT 1)`,
  leasesById: `SELECT id, ttl, expires_at FROM rhino_lease WHERE id IN :ids`,
  recordsByName: `SELECT name, value FROM rhino_record WHERE name IN :names`,
  leasesByExpiry:
    `SELECT id, ttl, expires_at FROM rhino_lease FORCE INDEX (rhino_lease_expiry) ORDER BY expires_at, id LIMIT :limit`,
  leaseKeys: `SELECT kv FROM rhino_current FORCE INDEX (rhino_current_lease)
    WHERE lease = :id AND lease <> 0 ORDER BY k`,
  recordsByPrefix:
    `SELECT name, value FROM rhino_record WHERE name >= :start AND name < :end ORDER BY name`,

  // A kv above a size is answered as x''. `keysOnly` cuts the value off. Each has a twin for an interval without an end.
  range:
    `SELECT IF(IF(:keysOnly, cut, size) > :rowBytesMax, x'', IF(:keysOnly, SUBSTRING(kv, 1, cut), kv))
    FROM rhino_current FORCE INDEX (PRIMARY) WHERE k >= :start AND k < :end ORDER BY k LIMIT :rows`,
  rangeOpen:
    `SELECT IF(IF(:keysOnly, cut, size) > :rowBytesMax, x'', IF(:keysOnly, SUBSTRING(kv, 1, cut), kv))
    FROM rhino_current FORCE INDEX (PRIMARY) WHERE k >= :start ORDER BY k LIMIT :rows`,
  // At an older revision what did not change since stands in `rhino_current`; what did is looked up in the log. NULL: did
  // not live.
  rangeAt: `SELECT k, IF(id < :bound,
      IF(IF(:keysOnly, cut, size) > :rowBytesMax, x'', IF(:keysOnly, SUBSTRING(kv, 1, cut), kv)),
      (SELECT IF(p.live, IF(IF(:keysOnly, p.cut, p.size) > :rowBytesMax, x'',
          IF(:keysOnly, SUBSTRING(p.kv, 1, p.cut), p.kv)), NULL)
        FROM rhino_log p WHERE p.id = (
          SELECT l.id FROM rhino_log l FORCE INDEX (rhino_log_key) WHERE l.k = c.k AND l.id < :bound ORDER BY l.id DESC LIMIT 1)))
    FROM rhino_current c FORCE INDEX (PRIMARY) WHERE k >= :start AND k < :end ORDER BY k LIMIT :rows`,
  rangeAtOpen: `SELECT k, IF(id < :bound,
      IF(IF(:keysOnly, cut, size) > :rowBytesMax, x'', IF(:keysOnly, SUBSTRING(kv, 1, cut), kv)),
      (SELECT IF(p.live, IF(IF(:keysOnly, p.cut, p.size) > :rowBytesMax, x'',
          IF(:keysOnly, SUBSTRING(p.kv, 1, p.cut), p.kv)), NULL)
        FROM rhino_log p WHERE p.id = (
          SELECT l.id FROM rhino_log l FORCE INDEX (rhino_log_key) WHERE l.k = c.k AND l.id < :bound ORDER BY l.id DESC LIMIT 1)))
    FROM rhino_current c FORCE INDEX (PRIMARY) WHERE k >= :start ORDER BY k LIMIT :rows`,
  // And a key that was deleted after the revision, and does not live now, may have lived then. A row for each that was.
  deletedSince: `SELECT t.k, IF(EXISTS (SELECT 1 FROM rhino_current c WHERE c.k = t.k), NULL,
      (SELECT IF(p.live, IF(IF(:keysOnly, p.cut, p.size) > :rowBytesMax, x'',
          IF(:keysOnly, SUBSTRING(p.kv, 1, p.cut), p.kv)), NULL)
        FROM rhino_log p WHERE p.id = (
          SELECT l.id FROM rhino_log l FORCE INDEX (rhino_log_key) WHERE l.k = t.k AND l.id < :bound ORDER BY l.id DESC LIMIT 1)))
    FROM (SELECT DISTINCT k FROM rhino_tombstone WHERE k >= :start AND k < :end AND id >= :bound
      ORDER BY k LIMIT :rows) t ORDER BY t.k`,
  deletedSinceOpen: `SELECT t.k, IF(EXISTS (SELECT 1 FROM rhino_current c WHERE c.k = t.k), NULL,
      (SELECT IF(p.live, IF(IF(:keysOnly, p.cut, p.size) > :rowBytesMax, x'',
          IF(:keysOnly, SUBSTRING(p.kv, 1, p.cut), p.kv)), NULL)
        FROM rhino_log p WHERE p.id = (
          SELECT l.id FROM rhino_log l FORCE INDEX (rhino_log_key) WHERE l.k = t.k AND l.id < :bound ORDER BY l.id DESC LIMIT 1)))
    FROM (SELECT DISTINCT k FROM rhino_tombstone WHERE k >= :start AND id >= :bound ORDER BY k LIMIT :rows) t
    ORDER BY t.k`,

  count:
    `SELECT COUNT(*) FROM rhino_current FORCE INDEX (rhino_current_key) WHERE k >= :start AND k < :end`,
  countOpen: `SELECT COUNT(*) FROM rhino_current FORCE INDEX (rhino_current_key) WHERE k >= :start`,
  countAt:
    `SELECT (SELECT COUNT(*) FROM rhino_current c FORCE INDEX (PRIMARY) WHERE k >= :start AND k < :end AND (id < :bound OR (
        SELECT l.live FROM rhino_log l FORCE INDEX (rhino_log_key) WHERE l.k = c.k AND l.id < :bound ORDER BY l.id DESC LIMIT 1) = 1))
    + (SELECT COUNT(*) FROM (SELECT DISTINCT k FROM rhino_tombstone WHERE k >= :start AND k < :end AND id >= :bound) t
      WHERE NOT EXISTS (SELECT 1 FROM rhino_current c WHERE c.k = t.k)
      AND (SELECT l.live FROM rhino_log l FORCE INDEX (rhino_log_key) WHERE l.k = t.k AND l.id < :bound ORDER BY l.id DESC LIMIT 1) = 1)`,
  countAtOpen:
    `SELECT (SELECT COUNT(*) FROM rhino_current c FORCE INDEX (PRIMARY) WHERE k >= :start AND (id < :bound OR (
        SELECT l.live FROM rhino_log l FORCE INDEX (rhino_log_key) WHERE l.k = c.k AND l.id < :bound ORDER BY l.id DESC LIMIT 1) = 1))
    + (SELECT COUNT(*) FROM (SELECT DISTINCT k FROM rhino_tombstone WHERE k >= :start AND id >= :bound) t
      WHERE NOT EXISTS (SELECT 1 FROM rhino_current c WHERE c.k = t.k)
      AND (SELECT l.live FROM rhino_log l FORCE INDEX (rhino_log_key) WHERE l.k = t.k AND l.id < :bound ORDER BY l.id DESC LIMIT 1) = 1)`,

  // A kv above a size as x''.
  history: `SELECT id >> 21, id & 2097151, k, IF(size > :rowBytesMax, x'', kv), cut, live, lease
    FROM rhino_log FORCE INDEX (PRIMARY) WHERE id > :afterId AND id < :bound ORDER BY id LIMIT :rows`,

  // Nothing while another server's step holds the row.
  lockTrim:
    `SELECT target, done, position FROM rhino_trim WHERE only_row = 1 FOR UPDATE SKIP LOCKED`,
  compactRevision: `SELECT compact_revision FROM rhino_head WHERE only_row = 1`,
  trimRows: `SELECT id, k, live FROM rhino_log FORCE INDEX (PRIMARY)
    WHERE id > :position AND id < :bound ORDER BY id LIMIT :rows`,
  // Conditions, one for each key, are written behind the two that follow.
  versionsBefore: `(k = :key AND id < :id)`,
  versionAt: `(k = :key AND id = :id)`,
  deleteVersions: `DELETE l FROM rhino_log l FORCE INDEX (rhino_log_key) WHERE `,
  deleteTombstones: `DELETE t FROM rhino_tombstone t FORCE INDEX (PRIMARY) WHERE `,
  trimTombstones:
    `DELETE l FROM rhino_log l FORCE INDEX (PRIMARY) WHERE id > :position AND id <= :last AND live = 0 AND id < :targetId`,
  moveTrim:
    `UPDATE rhino_trim SET target = :target, done = :done, position = :position WHERE only_row = 1`,

  announce: `INSERT INTO rhino_member (id, info, seen_at)
    VALUES (:id, :info, CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED))
    ON DUPLICATE KEY UPDATE info = VALUES(info), seen_at = VALUES(seen_at)`,
  // Who has not been there for so long will not come back under the same id.
  forgetMembers:
    `DELETE FROM rhino_member WHERE seen_at < CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) - :forgottenMs`,
  members: `SELECT id, info FROM rhino_member
    WHERE seen_at >= CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) - :aliveMs ORDER BY id`,
  leave: `DELETE FROM rhino_member WHERE id = :id`,

  // The sizes that follow are those of the statistics.
  refreshSizes:
    `ANALYZE NO_WRITE_TO_BINLOG TABLE rhino_log, rhino_current, rhino_tombstone, rhino_record`,
  sizes: `SELECT SUM(data_length + index_length), SUM(data_free),
      (SELECT COUNT(DISTINCT table_name, index_name) FROM information_schema.statistics
        WHERE table_schema = DATABASE() AND table_name LIKE 'rhino\\_%') * @@innodb_page_size
    FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'rhino\\_%'
      AND table_type = 'BASE TABLE'`,
  optimize: `OPTIMIZE TABLE rhino_log, rhino_current, rhino_tombstone`,
} as const satisfies Record<string, string>;
