/**
 * Every SQL text of this backend, complete, by name, with the schema's name in place.
 *
 * A row of the log has `id = (revision << 21) | sub`, so that one integer orders the history, and "the newest version of
 * a key at or before a revision" is one descent of the index on key and id. `rhino_current` holds each live key's newest
 * version: a list is one walk over one table. Kvs stand there with their frame in front (`backends/sql/frame.ts`), and `cut` is
 * where their value begins. Each statement is one snapshot; what it begins with is the head of that snapshot.
 */

import { SCHEMA_SQL } from "./schema.ts";
import { VIEWS_SQL, WRITTEN_AT_SQL } from "./views.ts";

/** Bits of a log id that number the changes within a revision. The texts below repeat it as a literal. */
export const SUB_BITS = 21;
/** Most changes that one revision can hold. */
export const SUBS_MAX = 2 ** SUB_BITS;

/**
 * The head as one value, for it goes with every answer: eight integers, the last of which is the database's clock, and
 * the batch id. `s` stands for the schema in every text.
 */
const HEAD = `int8send(h.idx) || int8send(h.revision) || int8send(h.compact_revision)
  || int8send(h.records_idx) || int8send(h.leases_idx) || int8send(h.appended_at) || int8send(h.lease_pause)
  || int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::int8) || convert_to(h.batch_id, 'UTF8')`;

/** The parts of both appends, fed by `moved`, which holds a row if the head stood at the batch's base. */
const ROWS_APPENDED = `noted AS (
      INSERT INTO s.rhino_batch (slot, idx, batch_id) SELECT $7::int4, $3::int8, $5::text FROM moved
      ON CONFLICT (slot) DO UPDATE SET idx = excluded.idx, batch_id = excluded.batch_id),
    rows AS MATERIALIZED (
      SELECT r.* FROM moved, unnest($8::int8[], $9::bytea[], $10::bool[], $11::int8[], $12::int4[], $13::bytea[],
        $14::bool[]) AS r (id, key, live, lease, cut, kv, newest)),
    logged AS (
      INSERT INTO s.rhino_log (id, key, live, lease, cut, kv) SELECT id, key, live, lease, cut, kv FROM rows),
    put AS (
      INSERT INTO s.rhino_current (key, id, lease, cut, kv) SELECT key, id, lease, cut, kv FROM rows WHERE live AND newest
      ON CONFLICT (key) DO UPDATE SET id = excluded.id, lease = excluded.lease, cut = excluded.cut, kv = excluded.kv),
    deleted AS (
      DELETE FROM s.rhino_current WHERE key = ANY($15::bytea[]) AND EXISTS (SELECT FROM moved))`;
const OTHERS_TOLD =
  `SELECT CASE WHEN $18::int8 = 0 OR EXISTS (SELECT FROM s.rhino_member m WHERE m.id <> $18::int8)
      THEN pg_notify($16::text, $17::text) END FROM moved`;

const TEXTS = {
  head: `SELECT ${HEAD} FROM s.rhino_head h`,

  // Subqueries, so that each key is a descent of the index, however many there are.
  load: `SELECT ${HEAD},
    ARRAY(SELECT (SELECT c.kv FROM s.rhino_current c WHERE c.key = k.key) FROM unnest($1::bytea[]) AS k (key)),
    ARRAY(SELECT (SELECT l.ttl FROM s.rhino_lease l WHERE l.id = i.id) FROM unnest($2::int8[]) AS i (id)),
    ARRAY(SELECT (SELECT l.expires_at FROM s.rhino_lease l WHERE l.id = i.id) FROM unnest($2::int8[]) AS i (id)),
    ARRAY(SELECT (SELECT r.value FROM s.rhino_record r WHERE r.name = n.name) FROM unnest($3::bytea[]) AS n (name))
    FROM s.rhino_head h`,
  loadAt: `SELECT ${HEAD},
    ARRAY(SELECT (SELECT CASE WHEN l.live THEN l.kv END FROM s.rhino_log l WHERE l.key = k.key AND l.id < $4::int8
      ORDER BY l.id DESC LIMIT 1) FROM unnest($1::bytea[]) AS k (key)),
    ARRAY(SELECT (SELECT l.ttl FROM s.rhino_lease l WHERE l.id = i.id) FROM unnest($2::int8[]) AS i (id)),
    ARRAY(SELECT (SELECT l.expires_at FROM s.rhino_lease l WHERE l.id = i.id) FROM unnest($2::int8[]) AS i (id)),
    ARRAY(SELECT (SELECT r.value FROM s.rhino_record r WHERE r.name = n.name) FROM unnest($3::bytea[]) AS n (name))
    FROM s.rhino_head h`,

  // From key $1 to below $2, at most $3 rows, of about $4 bytes together: how many that may be is guessed by the first
  // ones. A kv so large that the page could have more than $5 bytes is answered as empty; with $6 each is cut in front of
  // its value. The first row has the head and how many rows were looked for.
  range: `WITH wanted AS MATERIALIZED (SELECT least($3::int8, 2 + ceil($4::float8 / greatest(1, (
      SELECT avg(f.size) FROM (SELECT CASE WHEN $6::bool THEN cut ELSE octet_length(kv) END AS size
        FROM s.rhino_current WHERE key >= $1::bytea AND key < $2::bytea ORDER BY key LIMIT 16) f)))::int8) AS rows)
    SELECT ${HEAD} AS kv, int8send((SELECT rows FROM wanted)) AS place FROM s.rhino_head h
    UNION ALL
    SELECT p.kv, NULL FROM (SELECT CASE WHEN $6::bool THEN substring(kv FROM 1 FOR cut)
        WHEN octet_length(kv) * (SELECT rows FROM wanted) <= $5::int8 THEN kv ELSE ''::bytea END AS kv
      FROM s.rhino_current WHERE key >= $1::bytea AND key < $2::bytea
      ORDER BY key LIMIT (SELECT rows FROM wanted)) p`,

  // The same before log id $7. What did not change since stands in `rhino_current`; what did is looked up in the log; and
  // a key whose newest row is a tombstone from after that may have lived then. As many rows of `rhino_current` are looked
  // at as are wanted, and tombstones among them; behind the number of rows stands the last key that was looked at,
  // unless all there is stood there at that time. (With `OFFSET 0` a subquery stays one, here and below, so that it is a
  // descent of the index and no join of whole tables.)
  rangeAt: `WITH wanted AS MATERIALIZED (SELECT least($3::int8, 2 + ceil($4::float8 / greatest(1, (
      SELECT avg(f.size) FROM (SELECT CASE WHEN $6::bool THEN cut ELSE octet_length(kv) END AS size
        FROM s.rhino_current WHERE key >= $1::bytea AND key < $2::bytea ORDER BY key LIMIT 16) f)))::int8) AS rows),
    bound AS MATERIALIZED (SELECT key FROM s.rhino_current WHERE key >= $1::bytea AND key < $2::bytea
      AND (SELECT revision FROM s.rhino_head) << 21 >= $7::int8 ORDER BY key OFFSET (SELECT rows - 1 FROM wanted) LIMIT 1)
    SELECT ${HEAD} AS kv, int8send((SELECT rows FROM wanted)) || coalesce((SELECT key FROM bound), ''::bytea) AS place
    FROM s.rhino_head h
    UNION ALL
    SELECT p.kv, NULL FROM (
      SELECT u.kv FROM (
        (SELECT key, CASE WHEN id >= $7::int8 THEN (
            SELECT CASE WHEN NOT l.live THEN NULL WHEN $6::bool THEN substring(l.kv FROM 1 FOR l.cut)
              WHEN octet_length(l.kv) * (SELECT rows FROM wanted) <= $5::int8 THEN l.kv ELSE ''::bytea END
            FROM s.rhino_log l WHERE l.key = c.key AND l.id < $7::int8 ORDER BY l.id DESC LIMIT 1)
          WHEN $6::bool THEN substring(kv FROM 1 FOR cut)
          WHEN octet_length(kv) * (SELECT rows FROM wanted) <= $5::int8 THEN kv ELSE ''::bytea END AS kv
        FROM s.rhino_current c WHERE key >= $1::bytea AND key < $2::bytea
          AND key <= (SELECT coalesce((SELECT key FROM bound), $2::bytea))
          ORDER BY key LIMIT (SELECT rows FROM wanted))
        UNION ALL
        (SELECT key, (SELECT CASE WHEN NOT l.live THEN NULL WHEN $6::bool THEN substring(l.kv FROM 1 FOR l.cut)
              WHEN octet_length(l.kv) * (SELECT rows FROM wanted) <= $5::int8 THEN l.kv ELSE ''::bytea END
            FROM s.rhino_log l WHERE l.key = t.key AND l.id < $7::int8 ORDER BY l.id DESC LIMIT 1) AS kv
        FROM s.rhino_log t WHERE NOT live AND key >= $1::bytea AND key < $2::bytea AND id >= $7::int8
          AND key <= (SELECT coalesce((SELECT key FROM bound), $2::bytea))
          AND NOT EXISTS (SELECT FROM s.rhino_log n WHERE n.key = t.key AND n.id > t.id OFFSET 0) ORDER BY key OFFSET 0)
        ) u WHERE u.kv IS NOT NULL ORDER BY u.key LIMIT (SELECT rows FROM wanted)) p`,

  count:
    `SELECT ${HEAD}, (SELECT count(*) FROM s.rhino_current WHERE key >= $1::bytea AND key < $2::bytea)
    FROM s.rhino_head h`,
  countAt: `SELECT ${HEAD},
    (SELECT count(*) FROM s.rhino_current c WHERE key >= $1::bytea AND key < $2::bytea AND CASE WHEN id < $3::int8 THEN true
      ELSE (SELECT live FROM s.rhino_log l WHERE l.key = c.key AND l.id < $3::int8 ORDER BY l.id DESC LIMIT 1) END)
    + (SELECT count(*) FROM s.rhino_log t WHERE NOT live AND key >= $1::bytea AND key < $2::bytea AND id >= $3::int8
      AND NOT EXISTS (SELECT FROM s.rhino_log n WHERE n.key = t.key AND n.id > t.id OFFSET 0)
      AND (SELECT live FROM s.rhino_log l WHERE l.key = t.key AND l.id < $3::int8 ORDER BY l.id DESC LIMIT 1))
    FROM s.rhino_head h`,

  // Rows between log ids $1 and $2, at most $3 of about $4 bytes together, kvs that are too large for $5 as empty, as
  // above; with $6 each comes with what its revision found. The first row has the head, what the ring holds in slot $7,
  // and how many rows were looked for.
  history: `WITH wanted AS MATERIALIZED (SELECT least($3::int8, 2 + ceil($4::float8 / greatest(1, (
      SELECT avg(octet_length(f.kv)) FROM (SELECT kv FROM s.rhino_log WHERE id > $1::int8 AND id < $2::int8
        ORDER BY id LIMIT 16) f)))::int8) AS rows)
    SELECT ${HEAD} AS kv, (SELECT int8send(b.idx) || convert_to(b.batch_id, 'UTF8') FROM s.rhino_batch b
      WHERE b.slot = $7::int4) AS prev, NULL::bytea AS key, int8send((SELECT rows FROM wanted)) AS place
    FROM s.rhino_head h
    UNION ALL
    SELECT p.kv, p.prev, p.key, p.place FROM (
      SELECT CASE WHEN octet_length(l.kv) * (SELECT rows FROM wanted) <= $5::int8 THEN l.kv ELSE ''::bytea END AS kv,
        CASE WHEN $6::bool THEN (SELECT CASE WHEN NOT o.live THEN NULL
            WHEN octet_length(o.kv) * (SELECT rows FROM wanted) <= $5::int8 THEN o.kv ELSE ''::bytea END
          FROM s.rhino_log o WHERE o.key = l.key AND o.id < l.id >> 21 << 21 ORDER BY o.id DESC LIMIT 1) END AS prev,
        l.key, int8send(l.id) || int8send(l.lease) || int4send(l.cut) || boolsend(l.live) AS place
      FROM s.rhino_log l WHERE id > $1::int8 AND id < $2::int8
      ORDER BY id LIMIT (SELECT rows FROM wanted)) p`,

  leaseKeys: `SELECT ${HEAD} AS kv FROM s.rhino_head h UNION ALL SELECT p.kv FROM (
    SELECT kv FROM s.rhino_current WHERE lease = $1::int8 AND lease <> 0 ORDER BY key) p`,
  leases: `SELECT ${HEAD}, p.* FROM s.rhino_head h CROSS JOIN LATERAL (
    SELECT array_agg(l.id), array_agg(l.ttl), array_agg(l.expires_at) FROM (
      SELECT id, ttl, expires_at FROM s.rhino_lease ORDER BY expires_at, id LIMIT $1::int8) l) p`,
  records: `SELECT ${HEAD}, p.* FROM s.rhino_head h CROSS JOIN LATERAL (
    SELECT array_agg(r.name), array_agg(r.value) FROM (
      SELECT name, value FROM s.rhino_record WHERE name >= $1::bytea AND name < $2::bytea ORDER BY name) r) p`,
  outcome:
    `SELECT ${HEAD}, (SELECT int8send(b.idx) || convert_to(b.batch_id, 'UTF8') FROM s.rhino_batch b
    WHERE b.slot = $1::int4) FROM s.rhino_head h`,

  // All of a batch, or nothing if the head is not its base: then it answers no row. What waits for another server's
  // commit looks at the head again when that is done.
  append: `WITH moved AS (
      UPDATE s.rhino_head h SET idx = $3::int8, revision = $4::int8, batch_id = $5::text, compact_revision = $19::int8,
        records_idx = $20::int8, leases_idx = $21::int8, appended_at = t.now,
        lease_pause = h.lease_pause + CASE WHEN t.now - h.appended_at > $6::int8 OR $22::bool
          THEN greatest(0, t.now - h.appended_at) ELSE 0 END
      FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::int8 AS now) t
      WHERE h.only_row = 1 AND h.idx = $1::int8 AND h.batch_id = $2::text
      RETURNING h.appended_at - h.lease_pause AS lease_now),
    ${ROWS_APPENDED},
    granted AS (
      INSERT INTO s.rhino_lease (id, ttl, expires_at) SELECT l.id, l.ttl, m.lease_now + l.ms
      FROM moved m, unnest($23::int8[], $24::int8[], $25::int8[]) AS l (id, ttl, ms)
      ON CONFLICT (id) DO UPDATE SET ttl = excluded.ttl, expires_at = excluded.expires_at),
    revoked AS (
      DELETE FROM s.rhino_lease WHERE id = ANY($26::int8[]) AND EXISTS (SELECT FROM moved)),
    recorded AS (
      INSERT INTO s.rhino_record (name, value) SELECT r.name, r.value
      FROM moved, unnest($27::bytea[], $28::bytea[]) AS r (name, value)
      ON CONFLICT (name) DO UPDATE SET value = excluded.value),
    erased AS (
      DELETE FROM s.rhino_record WHERE name = ANY($29::bytea[]) AND EXISTS (SELECT FROM moved))
    ${OTHERS_TOLD}`,

  // The same of a batch that has nothing but rows, as most have: it takes a lone append a sixth less time.
  appendRows: `WITH moved AS (
      UPDATE s.rhino_head h SET idx = $3::int8, revision = $4::int8, batch_id = $5::text, appended_at = t.now,
        lease_pause = h.lease_pause + CASE WHEN t.now - h.appended_at > $6::int8
          THEN greatest(0, t.now - h.appended_at) ELSE 0 END
      FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::int8 AS now) t
      WHERE h.only_row = 1 AND h.idx = $1::int8 AND h.batch_id = $2::text
      RETURNING 1),
    ${ROWS_APPENDED}
    ${OTHERS_TOLD}`,

  // The database takes the turn back from a server that does nothing with it.
  beginTurn:
    `BEGIN; SET LOCAL lock_timeout = '6s'; SET LOCAL idle_in_transaction_session_timeout = '10s'`,
  lockHead: `SELECT FROM s.rhino_head FOR UPDATE`,
  commit: `COMMIT`,
  rollback: `ROLLBACK`,

  readTrim: `SELECT ${HEAD}, t.target, t.done, t.cursor FROM s.rhino_head h, s.rhino_trim t`,
  // From target $1, done $2, cursor $3 to target $4: looks at up to $5 rows behind the cursor. Answers no row if another
  // step has been made since, or is being made. $6 is the cursor to go back to when the walk is done.
  trimStep: `WITH held AS MATERIALIZED (SELECT FROM s.rhino_trim
      WHERE only_row = 1 AND target = $1::int8 AND done = $2::bool AND cursor = $3::int8 FOR UPDATE SKIP LOCKED),
    walked AS MATERIALIZED (SELECT id, key, live FROM s.rhino_log
      WHERE id > $3::int8 AND id < ($4::int8 + 1) << 21 AND EXISTS (SELECT FROM held) ORDER BY id LIMIT $5::int8),
    superfluous AS MATERIALIZED (
      SELECT o.id FROM walked w CROSS JOIN LATERAL (
        SELECT l.id FROM s.rhino_log l WHERE l.key = w.key AND l.id < w.id OFFSET 0) o
      UNION SELECT id FROM walked WHERE NOT live AND id < $4::int8 << 21),
    removed AS (
      DELETE FROM s.rhino_log WHERE id = ANY(ARRAY(SELECT id FROM superfluous)) RETURNING 1),
    moved AS (
      UPDATE s.rhino_trim SET target = $4::int8, done = w.rows < $5::int8,
        cursor = CASE WHEN w.rows < $5::int8 THEN $6::int8 ELSE w.last END
      FROM (SELECT count(*) AS rows, max(id) AS last FROM walked) w
      WHERE only_row = 1 AND EXISTS (SELECT FROM held) RETURNING done)
    SELECT m.done, (SELECT count(*) FROM removed) FROM moved m`,

  announce:
    `WITH clock AS (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::int8 AS now),
    announced AS (INSERT INTO s.rhino_member (id, info, seen_at) SELECT $1::int8, $2::bytea, now FROM clock
      ON CONFLICT (id) DO UPDATE SET info = excluded.info, seen_at = excluded.seen_at),
    forgotten AS (DELETE FROM s.rhino_member WHERE id <> $1::int8 AND seen_at < (SELECT now FROM clock) - $4::int8)
    SELECT ${HEAD}, p.* FROM s.rhino_head h CROSS JOIN LATERAL (
      SELECT array_agg(m.id), array_agg(m.info) FROM s.rhino_member m
      WHERE m.id <> $1::int8 AND m.seen_at >= (SELECT now FROM clock) - $3::int8) p`,
  leave: `DELETE FROM s.rhino_member WHERE id = $1::int8`,

  // Bytes of the tables that hold data, the share of them that dead rows take up, and what they take up when empty: a
  // page for each index, those of what is stored out of line included.
  size:
    `WITH relation AS MATERIALIZED (SELECT c.oid, c.reltoastrelid, pg_total_relation_size(c.oid) AS bytes FROM pg_class c
      WHERE c.relnamespace = $1::regnamespace
      AND c.relname IN ('rhino_log', 'rhino_current', 'rhino_lease', 'rhino_record'))
    SELECT sum(bytes)::int8, sum(bytes * pg_stat_get_dead_tuples(oid)
        / greatest(1, pg_stat_get_dead_tuples(oid) + pg_stat_get_live_tuples(oid)))::int8,
      (SELECT count(*) FROM pg_index i WHERE i.indrelid IN (SELECT oid FROM relation UNION SELECT reltoastrelid FROM relation))
        * current_setting('block_size')::int8
    FROM relation`,
  // Without the lock that cutting the table's end off takes: what is freed will be used again.
  vacuumLog: `VACUUM (ANALYZE, TRUNCATE FALSE) s.rhino_log`,
  defragmentLog: `VACUUM (FULL, ANALYZE) s.rhino_log`,
  defragmentCurrent: `VACUUM (FULL, ANALYZE) s.rhino_current`,
  defragmentLeases: `VACUUM (ANALYZE) s.rhino_lease`,
  defragmentRecords: `VACUUM (ANALYZE) s.rhino_record`,

  // What a connection must be good for.
  checkSession:
    `SELECT pg_backend_pid(), pg_is_in_recovery(), current_setting('transaction_read_only'),
    current_setting('synchronous_commit'), current_setting('fsync'), current_setting('server_version_num')::int4`,
  // Plans are made once, go by the indexes however little is known of the tables, and wait neither long nor for nobody.
  setSession:
    `SET synchronous_commit = on; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
    SET jit = off; SET max_parallel_workers_per_gather = 0; SET lock_timeout = '6s'`,
  setDurable: `SET synchronous_commit = on`,
  setConnectionCheck: `SET client_connection_check_interval = '2s'`,
  ping: `SELECT 1`,

  // Opening.
  // From the catalogs themselves: `to_regclass` may answer from a cache that does not know what another server has
  // just made.
  findSchema:
    `SELECT (SELECT c.oid FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'rhino_head')::text
    FROM pg_namespace n WHERE n.nspname = $1::text`,
  beginCreation: `BEGIN; SELECT pg_advisory_xact_lock(7521961703208546)`,
  createSchema: SCHEMA_SQL.namespace,
  createTables: SCHEMA_SQL.tables,
  countViewColumns: `SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relname IN ('rhino_kv', 'rhino_history') AND c.relkind = 'v' AND a.attnum > 0`,
  // Whoever waits for a table's lock holds up everybody who comes behind.
  hurry: `SET LOCAL lock_timeout = '2s'`,
  addTimes: WRITTEN_AT_SQL,
  createViews: VIEWS_SQL,
  createHead:
    `INSERT INTO s.rhino_head (only_row, idx, revision, compact_revision, records_idx, leases_idx, batch_id,
      cluster_id, appended_at, lease_pause, schema_version)
    VALUES (1, 0, 1, -1, 0, 0, '', $1::int8, floor(extract(epoch FROM clock_timestamp()) * 1000)::int8, 0, 1)
    ON CONFLICT (only_row) DO NOTHING`,
  createTrim: `INSERT INTO s.rhino_trim (only_row, target, done, cursor) VALUES (1, -1, true, 0)
    ON CONFLICT (only_row) DO NOTHING`,
  // Tables of which something may not be done.
  checkRights: `SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class c
    WHERE c.oid IN ('s.rhino_head'::regclass, 's.rhino_trim'::regclass, 's.rhino_batch'::regclass,
      's.rhino_log'::regclass, 's.rhino_current'::regclass, 's.rhino_lease'::regclass, 's.rhino_record'::regclass,
      's.rhino_member'::regclass)
    AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
      AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))`,
  readStore: `SELECT schema_version, cluster_id FROM s.rhino_head`,
} as const satisfies Record<string, string>;

export type StatementName = keyof typeof TEXTS;
export type Statements = Readonly<Record<StatementName, string>>;

/** All texts for one schema. */
export function statementsFor(schema: string): Statements {
  const texts: Partial<Record<StatementName, string>> = {};
  for (const name of Object.keys(TEXTS) as StatementName[]) {
    texts[name] = qualify(TEXTS[name], schema);
  }
  return texts as Statements;
}

/** Puts the schema's name in place of `s`. */
function qualify(text: string, schema: string): string {
  const name = quoteName(schema);
  return text
    .replaceAll(/'s\.(rhino_\w+)'/g, (_, table) => `'${name.replaceAll("'", "''")}.${table}'`)
    .replaceAll(/(?<![\w.])s\.(?=rhino_)/g, () => `${name}.`)
    .replaceAll(/SCHEMA s\b/g, () => `SCHEMA ${name}`);
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
