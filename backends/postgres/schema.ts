/**
 * The tables and views; `s` stands for the schema. The views are for people: a value begins behind its field's tag and
 * length, which take two to four bytes. The tables' parameters:
 *
 * - `STORAGE EXTERNAL`: values of some KiB go out of line as they are. PostgreSQL's own compression took twice the time of
 *   the whole append (6,000 bytes a value, 100 rows: 18 ms instead of 8).
 * - `fillfactor`: room in each page for the next version of its rows, so that an update touches no index. With keys that
 *   are written again and again the table even stays smaller (45,000 updates of 5,000 keys of 512 bytes: 9 MB with 70 %,
 *   16 % of them not HOT; 27 MB with 100 %, 84 %).
 * - autovacuum: after so many dead rows rather than a share of a table that only grows; never waits for an idle disk.
 */
export const SCHEMA_SQL = {
  namespace: `CREATE SCHEMA s`,

  tables: `CREATE TABLE s.rhino_head (
  only_row int PRIMARY KEY CHECK (only_row = 1),
  idx bigint NOT NULL, revision bigint NOT NULL, compact_revision bigint NOT NULL,
  records_idx bigint NOT NULL, leases_idx bigint NOT NULL, batch_id text NOT NULL,
  cluster_id bigint NOT NULL, appended_at bigint NOT NULL, lease_pause bigint NOT NULL, schema_version int NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE TABLE s.rhino_trim (
  only_row int PRIMARY KEY CHECK (only_row = 1),
  target bigint NOT NULL, done boolean NOT NULL, cursor bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE s.rhino_batch (
  slot int PRIMARY KEY, idx bigint NOT NULL, batch_id text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE TABLE s.rhino_log (
  id bigint PRIMARY KEY, lease bigint NOT NULL, cut int NOT NULL, live boolean NOT NULL,
  key bytea NOT NULL, kv bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_threshold = 5000,
  toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE s.rhino_log ALTER COLUMN kv SET STORAGE EXTERNAL;
CREATE INDEX rhino_log_key ON s.rhino_log (key, id);
CREATE INDEX rhino_log_tombstone ON s.rhino_log (key, id) WHERE NOT live;
CREATE TABLE s.rhino_current (
  id bigint NOT NULL, lease bigint NOT NULL, cut int NOT NULL, key bytea PRIMARY KEY, kv bytea NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 5000,
  toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE s.rhino_current ALTER COLUMN kv SET STORAGE EXTERNAL;
CREATE INDEX rhino_current_lease ON s.rhino_current (lease, key) WHERE lease <> 0;
CREATE TABLE s.rhino_lease (
  id bigint PRIMARY KEY, ttl bigint NOT NULL, expires_at bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX rhino_lease_expiry ON s.rhino_lease (expires_at, id);
CREATE TABLE s.rhino_record (name bytea PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE s.rhino_member (
  id bigint PRIMARY KEY, info bytea NOT NULL, seen_at bigint NOT NULL
) WITH (fillfactor = 50);
CREATE VIEW s.rhino_kv AS
  SELECT encode(key, 'escape') AS key, encode(substring(kv FROM cut + CASE WHEN octet_length(kv) - cut <= 129 THEN 3
      WHEN octet_length(kv) - cut <= 16386 THEN 4 ELSE 5 END), 'escape') AS value, id >> 21 AS mod_revision, lease
  FROM s.rhino_current;
CREATE VIEW s.rhino_history AS
  SELECT id >> 21 AS revision, id & 2097151 AS sub, encode(key, 'escape') AS key, NOT live AS deleted,
    CASE WHEN live THEN encode(substring(kv FROM cut + CASE WHEN octet_length(kv) - cut <= 129 THEN 3
      WHEN octet_length(kv) - cut <= 16386 THEN 4 ELSE 5 END), 'escape') END AS value, lease
  FROM s.rhino_log`,
} as const;

/** Drops what is made above; the schema stays. */
export const REMOVAL_SQL = [
  `DROP VIEW IF EXISTS ${namesMade("VIEW")}`,
  `DROP TABLE IF EXISTS ${namesMade("TABLE")}`,
].join(";\n");

function namesMade(kind: "TABLE" | "VIEW"): string {
  const statement = new RegExp(`CREATE ${kind} (s\\.rhino_\\w+)`, "g");
  return [...SCHEMA_SQL.tables.matchAll(statement)].map(([, name]) => name).join(", ");
}
