/**
 * The tables; `s` stands for the schema. Whoever repeats the statements does no harm. `written_at` is for people
 * (`views.ts`): PostgreSQL fills it in, also for a server that does not know of it. The tables' parameters:
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

  tables: `CREATE TABLE IF NOT EXISTS s.rhino_head (
  only_row int PRIMARY KEY CHECK (only_row = 1),
  idx bigint NOT NULL, revision bigint NOT NULL, compact_revision bigint NOT NULL,
  records_idx bigint NOT NULL, leases_idx bigint NOT NULL, batch_id text NOT NULL,
  cluster_id bigint NOT NULL, appended_at bigint NOT NULL, lease_pause bigint NOT NULL, schema_version int NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE TABLE IF NOT EXISTS s.rhino_trim (
  only_row int PRIMARY KEY CHECK (only_row = 1),
  target bigint NOT NULL, done boolean NOT NULL, cursor bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS s.rhino_batch (
  slot int PRIMARY KEY, idx bigint NOT NULL, batch_id text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE TABLE IF NOT EXISTS s.rhino_log (
  id bigint PRIMARY KEY, lease bigint NOT NULL, written_at timestamptz DEFAULT statement_timestamp(),
  cut int NOT NULL, live boolean NOT NULL, key bytea NOT NULL, kv bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_threshold = 5000,
  toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE s.rhino_log ALTER COLUMN kv SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS rhino_log_key ON s.rhino_log (key, id);
CREATE INDEX IF NOT EXISTS rhino_log_tombstone ON s.rhino_log (key, id) WHERE NOT live;
CREATE TABLE IF NOT EXISTS s.rhino_current (
  id bigint NOT NULL, lease bigint NOT NULL, cut int NOT NULL, key bytea PRIMARY KEY, kv bytea NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 5000,
  toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE s.rhino_current ALTER COLUMN kv SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS rhino_current_lease ON s.rhino_current (lease, key) WHERE lease <> 0;
CREATE TABLE IF NOT EXISTS s.rhino_lease (
  id bigint PRIMARY KEY, ttl bigint NOT NULL, expires_at bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS rhino_lease_expiry ON s.rhino_lease (expires_at, id);
CREATE TABLE IF NOT EXISTS s.rhino_record (name bytea PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE IF NOT EXISTS s.rhino_member (
  id bigint PRIMARY KEY, info bytea NOT NULL, seen_at bigint NOT NULL
) WITH (fillfactor = 50)`,
} as const;
