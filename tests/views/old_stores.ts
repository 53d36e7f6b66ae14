/** Stores as the Rhino before the views' columns made them, with `a` = `v` at revision 2. */

import type { Dialect } from "./place.ts";

const SQLITE = `
  CREATE TABLE log (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, live INTEGER NOT NULL, lease INTEGER NOT NULL,
    meta_size INTEGER NOT NULL, kv BLOB NOT NULL
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
  ) STRICT;
INSERT INTO head VALUES (1, 1, 2, -1, -1, 1, 0, 77, 'old', 1700000000000, 0, 0, 0);
INSERT INTO log VALUES (2 << 21, x'61', 1, 0, 9, x'0a01611002180220012a0176');
INSERT INTO current VALUES (x'61', 2 << 21, 0, 9, 12, x'120c', x'0a01611002180220012a0176');
PRAGMA application_id = 0x52484e4f;
PRAGMA user_version = 2;`;

/** Somebody may read one of the views, and has made one of his own on it. */
const POSTGRES = `CREATE TABLE rhino_head (
  only_row int PRIMARY KEY CHECK (only_row = 1),
  idx bigint NOT NULL, revision bigint NOT NULL, compact_revision bigint NOT NULL,
  records_idx bigint NOT NULL, leases_idx bigint NOT NULL, batch_id text NOT NULL,
  cluster_id bigint NOT NULL, appended_at bigint NOT NULL, lease_pause bigint NOT NULL, schema_version int NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE TABLE rhino_trim (
  only_row int PRIMARY KEY CHECK (only_row = 1),
  target bigint NOT NULL, done boolean NOT NULL, cursor bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE rhino_batch (
  slot int PRIMARY KEY, idx bigint NOT NULL, batch_id text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE TABLE rhino_log (
  id bigint PRIMARY KEY, lease bigint NOT NULL, cut int NOT NULL, live boolean NOT NULL,
  key bytea NOT NULL, kv bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_threshold = 5000,
  toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE rhino_log ALTER COLUMN kv SET STORAGE EXTERNAL;
CREATE INDEX rhino_log_key ON rhino_log (key, id);
CREATE INDEX rhino_log_tombstone ON rhino_log (key, id) WHERE NOT live;
CREATE TABLE rhino_current (
  id bigint NOT NULL, lease bigint NOT NULL, cut int NOT NULL, key bytea PRIMARY KEY, kv bytea NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 5000,
  toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE rhino_current ALTER COLUMN kv SET STORAGE EXTERNAL;
CREATE INDEX rhino_current_lease ON rhino_current (lease, key) WHERE lease <> 0;
CREATE TABLE rhino_lease (
  id bigint PRIMARY KEY, ttl bigint NOT NULL, expires_at bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX rhino_lease_expiry ON rhino_lease (expires_at, id);
CREATE TABLE rhino_record (name bytea PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE rhino_member (
  id bigint PRIMARY KEY, info bytea NOT NULL, seen_at bigint NOT NULL
) WITH (fillfactor = 50);
CREATE VIEW rhino_kv AS
  SELECT encode(key, 'escape') AS key, encode(substring(kv FROM cut + CASE WHEN octet_length(kv) - cut <= 129 THEN 3
      WHEN octet_length(kv) - cut <= 16386 THEN 4 ELSE 5 END), 'escape') AS value, id >> 21 AS mod_revision, lease
  FROM rhino_current;
CREATE VIEW rhino_history AS
  SELECT id >> 21 AS revision, id & 2097151 AS sub, encode(key, 'escape') AS key, NOT live AS deleted,
    CASE WHEN live THEN encode(substring(kv FROM cut + CASE WHEN octet_length(kv) - cut <= 129 THEN 3
      WHEN octet_length(kv) - cut <= 16386 THEN 4 ELSE 5 END), 'escape') END AS value, lease
  FROM rhino_log;
INSERT INTO rhino_head (only_row, idx, revision, compact_revision, records_idx, leases_idx, batch_id, cluster_id,
  appended_at, lease_pause, schema_version) VALUES (1, 1, 2, -1, 0, 0, 'old', 77, 1700000000000, 0, 1);
INSERT INTO rhino_trim VALUES (1, -1, true, 0);
INSERT INTO rhino_log VALUES (2::bigint << 21, 0, 11, true, 'a', '\\x120c0a01611002180220012a0176');
INSERT INTO rhino_current VALUES (2::bigint << 21, 0, 11, 'a', '\\x120c0a01611002180220012a0176');
GRANT SELECT ON rhino_kv TO PUBLIC;
CREATE VIEW mine AS SELECT key, mod_revision FROM rhino_kv`;

const MYSQL = `CREATE TABLE IF NOT EXISTS rhino_log (
  id BIGINT NOT NULL PRIMARY KEY, k VARBINARY(3000) NOT NULL, live TINYINT NOT NULL, lease BIGINT NOT NULL,
  cut INT NOT NULL, size INT NOT NULL, kv LONGBLOB NOT NULL,
  KEY rhino_log_key (k, id, live)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
CREATE TABLE IF NOT EXISTS rhino_tombstone (
  k VARBINARY(3000) NOT NULL, id BIGINT NOT NULL,
  PRIMARY KEY (k, id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
CREATE TABLE IF NOT EXISTS rhino_current (
  k VARBINARY(3000) NOT NULL PRIMARY KEY, id BIGINT NOT NULL, lease BIGINT NOT NULL,
  cut INT NOT NULL, size INT NOT NULL, kv LONGBLOB NOT NULL,
  KEY rhino_current_lease (lease), KEY rhino_current_key (k)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
CREATE TABLE IF NOT EXISTS rhino_lease (
  id BIGINT NOT NULL PRIMARY KEY, ttl BIGINT NOT NULL, expires_at BIGINT NOT NULL,
  KEY rhino_lease_expiry (expires_at, id, ttl)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS rhino_record (
  name VARBINARY(3000) NOT NULL PRIMARY KEY, value LONGBLOB NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
CREATE TABLE IF NOT EXISTS rhino_batch (
  slot INT NOT NULL PRIMARY KEY, idx BIGINT NOT NULL, batch_id VARBINARY(64) NOT NULL
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS rhino_member (
  id BIGINT UNSIGNED NOT NULL PRIMARY KEY, info MEDIUMBLOB NOT NULL, seen_at BIGINT NOT NULL
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS rhino_trim (
  only_row TINYINT NOT NULL PRIMARY KEY, target BIGINT NOT NULL, done TINYINT NOT NULL, position BIGINT NOT NULL
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS rhino_settle (
  slot INT NOT NULL PRIMARY KEY, n BIGINT NOT NULL
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS rhino_head (
  only_row TINYINT NOT NULL PRIMARY KEY, idx BIGINT NOT NULL, revision BIGINT NOT NULL,
  compact_revision BIGINT NOT NULL, records_idx BIGINT NOT NULL, leases_idx BIGINT NOT NULL,
  batch_id VARBINARY(64) NOT NULL, cluster_id BIGINT UNSIGNED NOT NULL, appended_at BIGINT NOT NULL,
  lease_pause BIGINT NOT NULL, schema_version INT NOT NULL
) ENGINE = InnoDB;
CREATE OR REPLACE VIEW rhino_kv AS
SELECT CONVERT(k USING utf8mb4) AS \`key\`,
  CONVERT(SUBSTRING(kv, CASE WHEN size - cut < 130 THEN 3 WHEN size - cut < 16387 THEN 4
    WHEN size - cut < 2097156 THEN 5 ELSE 6 END + cut) USING utf8mb4) AS \`value\`,
  id >> 21 AS mod_revision, lease
FROM rhino_current;
CREATE OR REPLACE VIEW rhino_history AS
SELECT id >> 21 AS revision, id & 2097151 AS sub, CONVERT(k USING utf8mb4) AS \`key\`,
  CASE live WHEN 1 THEN CONVERT(SUBSTRING(kv, CASE WHEN size - cut < 130 THEN 3 WHEN size - cut < 16387 THEN 4
    WHEN size - cut < 2097156 THEN 5 ELSE 6 END + cut) USING utf8mb4) END AS \`value\`, lease
FROM rhino_log;
INSERT INTO rhino_head VALUES (1, 1, 2, -1, 0, 0, 'old', 77, 1700000000000, 0, 1);
INSERT INTO rhino_trim VALUES (1, -1, 1, 0);
INSERT INTO rhino_log VALUES (2 << 21, 'a', 1, 0, 11, 14, x'120c0a01611002180220012a0176');
INSERT INTO rhino_current VALUES ('a', 2 << 21, 0, 11, 14, x'120c0a01611002180220012a0176')`;

export const OLD_STORES: Readonly<Record<Dialect, string>> = {
  sqlite: SQLITE,
  postgres: POSTGRES,
  mysql: MYSQL,
};
