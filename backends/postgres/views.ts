/**
 * Views for people: what the tables hold as text, numbers and times. Rhino itself never reads them. `s` stands for the
 * schema, `r` for a row.
 *
 * What only stands in the stored message (`mvccpb.KeyValue`) is cut out of it: behind the frame and the key, whose length is
 * known, comes the tag of `create_revision` and its varint; `version` is the last varint in front of the lease, if there is
 * one, and of the value. Both take six bytes at most, as a revision has 42 bits.
 *
 * A later Rhino may add columns behind the last and change none: `CREATE OR REPLACE` then keeps the rights that were given
 * on a view, and by their number a server sees whether the views are older than its own.
 */

/** Of both views together. */
export const VIEW_COLUMNS = 25;

const ASCII = "[2-6].|7[0-9a-e]|09|0a|0d";
/** The characters of two to four bytes, but for those of control, U+0080 to U+009F. */
const BEYOND_ASCII =
  "c2[ab].|(?:c[3-9a-f]|d.)[89ab].|e0[ab].[89ab].|e(?:[1-9a-c]|[ef])[89ab].[89ab].|ed[89].[89ab]." +
  "|f0[9ab].[89ab].[89ab].|f[1-3][89ab].[89ab].[89ab].|f48.[89ab].[89ab].";

/**
 * Bytes as text if they are UTF-8 without control characters other than tab and line ends, else `0x` and their hexadecimal
 * digits. A database in another encoding may not have the characters.
 */
function readable(bytes: string): string {
  return `(CASE WHEN encode(${bytes}, 'hex') ~ '^(?:${ASCII})*$'
      OR getdatabaseencoding() = 'UTF8' AND encode(${bytes}, 'hex') ~ '^(?:${ASCII}|${BEYOND_ASCII})*$'
    THEN convert_from(${bytes}, 'UTF8') ELSE '0x' || upper(encode(${bytes}, 'hex')) END) COLLATE "default"`;
}

/** The length in front of a value takes one to four bytes. */
const VALUE_SIZE =
  `CASE WHEN octet_length(r.kv) = r.cut THEN 0 WHEN octet_length(r.kv) - r.cut < 130
      THEN octet_length(r.kv) - r.cut - 2 WHEN octet_length(r.kv) - r.cut < 16387 THEN octet_length(r.kv) - r.cut - 3
    WHEN octet_length(r.kv) - r.cut < 2097156 THEN octet_length(r.kv) - r.cut - 4
    ELSE octet_length(r.kv) - r.cut - 5 END`;
const VALUE = `substring(r.kv FROM octet_length(r.kv) - (${VALUE_SIZE}) + 1)`;

/** What the varint says with which six bytes begin; `n` is the six as a number. */
const VARINT =
  `(n >> 40 & 127) + (n >> 47 & 1) * ((n >> 32 & 127) * 128 + (n >> 39 & 1) * ((n >> 24 & 127) * 16384
      + (n >> 31 & 1) * ((n >> 16 & 127) * 2097152 + (n >> 23 & 1) * ((n >> 8 & 127) * 268435456
      + (n >> 15 & 1) * (n & 127) * 34359738368))))`;

/** With `OFFSET 0` the six bytes are cut out once. */
const CREATE_REVISION =
  `(SELECT ${VARINT} FROM (SELECT ('x' || encode(substring(r.kv FROM octet_length(r.key) + 6
      + CASE WHEN octet_length(r.key) > 16383 THEN 2 WHEN octet_length(r.key) > 127 THEN 1 ELSE 0 END
      + CASE WHEN octet_length(r.kv) < 130 THEN 0 WHEN octet_length(r.kv) < 16387 THEN 1
        WHEN octet_length(r.kv) < 2097156 THEN 2 ELSE 3 END FOR 6), 'hex'))::bit(48)::int8 AS n OFFSET 0) six)`;

/** The varint ends the six bytes: it is moved to their beginning, by as many bytes as there are in front of it. */
const VERSION =
  `(SELECT ${VARINT} FROM (SELECT m << (40 - 8 * (m >> 15 & 1) * (1 + (m >> 23 & 1) * (1 + (m >> 31 & 1)
        * (1 + (m >> 39 & 1) * (1 + (m >> 47 & 1))))))::int AS n
      FROM (SELECT ('x' || encode(substring(r.kv FROM r.cut - 5 - CASE WHEN r.lease = 0 THEN 0 WHEN r.lease < 0 THEN 11
        WHEN r.lease < 128 THEN 2 WHEN r.lease < 16384 THEN 3 WHEN r.lease < 2097152 THEN 4 WHEN r.lease < 268435456 THEN 5
        WHEN r.lease < 34359738368 THEN 6 WHEN r.lease < 4398046511104 THEN 7 WHEN r.lease < 562949953421312 THEN 8
        WHEN r.lease < 72057594037927936 THEN 9 ELSE 10 END FOR 6), 'hex'))::bit(48)::int8 AS m OFFSET 0) last OFFSET 0) six)`;

const LEASE_HEX = `CASE WHEN r.lease <> 0 THEN lpad(to_hex(r.lease), 16, '0') END`;

/** When each row was written, for the views; what was written before there was such a column has none. */
export const WRITTEN_AT_SQL =
  `ALTER TABLE s.rhino_log ADD COLUMN IF NOT EXISTS written_at timestamptz;
ALTER TABLE s.rhino_log ALTER COLUMN written_at SET DEFAULT statement_timestamp()`;

export const VIEWS_SQL = `CREATE OR REPLACE VIEW s.rhino_kv AS
  SELECT ${readable("r.key")} AS key, ${
  readable(VALUE)
} AS value, r.id >> 21 AS mod_revision, r.lease,
    ${CREATE_REVISION} AS create_revision, ${VERSION} AS version, ${VALUE_SIZE} AS value_size,
    ${LEASE_HEX} AS lease_hex, l.written_at, r.key AS key_bytes, ${VALUE} AS value_bytes
  FROM s.rhino_current r LEFT JOIN s.rhino_log l ON l.id = r.id;
CREATE OR REPLACE VIEW s.rhino_history AS
  SELECT r.id >> 21 AS revision, r.id & 2097151 AS sub, ${
  readable("r.key")
} AS key, NOT r.live AS deleted,
    CASE WHEN r.live THEN ${readable(VALUE)} END AS value, r.lease,
    CASE WHEN r.live THEN 'PUT' ELSE 'DELETE' END AS kind,
    CASE WHEN r.live THEN ${CREATE_REVISION} END AS create_revision, CASE WHEN r.live THEN ${VERSION} END AS version,
    CASE WHEN r.live THEN ${VALUE_SIZE} END AS value_size, ${LEASE_HEX} AS lease_hex, r.written_at,
    r.key AS key_bytes, CASE WHEN r.live THEN ${VALUE} END AS value_bytes
  FROM s.rhino_log r`;
