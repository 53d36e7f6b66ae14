/**
 * Views for people: what the tables hold as text, numbers and times. Rhino itself never reads them. They keep to what SQLite
 * 3.38 knows, for they are read with whatever `sqlite3` there is.
 *
 * What only stands in the stored message (`mvccpb.KeyValue`) is cut out of it: behind the key, whose length is known, comes
 * the tag of `create_revision` and its varint; `version` is the last varint in front of the lease, if there is one, and of
 * the value. Both take six bytes at most, as a revision has 42 bits.
 */

/**
 * Bytes as text if they are UTF-8 without control characters other than tab and line ends, else `0x` and their hexadecimal
 * digits. What is ASCII is told at once. Else each byte from 0x80 on is replaced by a letter for its kind (the text is in
 * lower case before), and no two or more of them may follow each other in a way that UTF-8 does not have: A to C are bytes
 * that continue a character, D and E begin one of two bytes, F to H of three, I to K of four, and X stands nowhere. D is
 * 0xc2, with which the control characters from U+0080 on begin; F, H, I and K do not go with every second byte.
 */
function readable(bytes: string): string {
  return `CASE
    WHEN instr(${bytes}, x'00') = 0 AND CAST(${bytes} AS TEXT) NOT GLOB '*[^ -~' || char(9, 10, 13) || ']*'
      THEN CAST(${bytes} AS TEXT)
    WHEN instr(${bytes}, x'00') = 0 AND (
      WITH RECURSIVE kinds (byte, text) AS (
        SELECT 128, lower(CAST(${bytes} AS TEXT)) UNION ALL
        SELECT byte + 1, replace(text, CAST(substr(x'${HIGH_BYTES}', byte - 127, 1) AS TEXT),
          substr('${KINDS}', byte - 127, 1)) FROM kinds WHERE byte < 256),
      wrong (pattern) AS (VALUES (char(42, 91, 1, 45, 8, 11, 12, 14, 45, 31, 127, 93, 42)), ('*X*'), ('*[^A-K][A-C]*'),
        ('*[D-K][^A-C]*'), ('*[DE][A-C][A-C]*'), ('*[F-K][A-C][^A-C]*'), ('*[F-H][A-C][A-C][A-C]*'),
        ('*[I-K][A-C][A-C][^A-C]*'), ('*[I-K][A-C][A-C][A-C][A-C]*'), ('*[DF][AB]*'), ('*HC*'), ('*IA*'), ('*K[BC]*'))
      SELECT NOT EXISTS (SELECT 1 FROM wrong WHERE ' ' || text || ' ' GLOB pattern) FROM kinds WHERE byte = 256)
      THEN CAST(${bytes} AS TEXT)
    ELSE '0x' || hex(${bytes}) END`;
}

const HIGH_BYTES = Array.from({ length: 128 }, (_, at) => (128 + at).toString(16)).join("");
/** Of the bytes from 0x80 to 0xff. */
const KINDS = "A".repeat(16) + "B".repeat(16) + "C".repeat(32) + "XXD" + "E".repeat(29) + "F" +
  "G".repeat(12) + "HGG" + "IJJJK" + "X".repeat(11);

/** Of a row `r` whose kv has `size` bytes; the length in front of a value takes one to four. */
const VALUE_SIZE =
  `CASE WHEN r.size = r.meta_size THEN 0 WHEN r.size - r.meta_size < 130 THEN r.size - r.meta_size - 2
    WHEN r.size - r.meta_size < 16387 THEN r.size - r.meta_size - 3
    WHEN r.size - r.meta_size < 2097156 THEN r.size - r.meta_size - 4 ELSE r.size - r.meta_size - 5 END`;

/** The varint that begins at the place, as hexadecimal digits which are taken away from the front. */
const CREATE_REVISION = `(WITH RECURSIVE varint (digits, shift, number, goes_on) AS (
      SELECT hex(substr(r.meta, 4 + length(r.key) + (length(r.key) > 127) + (length(r.key) > 16383)
        + (length(r.key) > 2097151), 6)), 0, 0, 1 UNION ALL
      SELECT substr(digits, 3), shift + 7, number | ((((instr('123456789ABCDEF', substr(digits, 1, 1)) & 7) << 4)
        | instr('123456789ABCDEF', substr(digits, 2, 1))) << shift), substr(digits, 1, 1) >= '8'
      FROM varint WHERE goes_on AND shift < 42)
    SELECT number FROM varint WHERE NOT goes_on)`;

/** The varint that ends where the lease's field begins, or the value's: its digits are taken away from the end. */
const VERSION = `(WITH RECURSIVE varint (digits, number, goes_on) AS (
      SELECT hex(substr(r.meta, r.meta_size - 5 - CASE WHEN r.lease = 0 THEN 0 WHEN r.lease < 0 THEN 11
        ELSE 2 + (r.lease > 127) + (r.lease > 16383) + (r.lease > 2097151) + (r.lease > 268435455)
          + (r.lease > 34359738367) + (r.lease > 4398046511103) + (r.lease > 562949953421311)
          + (r.lease > 72057594037927935) END, 6)), 0, 1 UNION ALL
      SELECT substr(digits, 1, length(digits) - 2), (number << 7) | ((instr('123456789ABCDEF', substr(digits, -2, 1)) & 7) << 4)
        | instr('123456789ABCDEF', substr(digits, -1, 1)), substr(digits, -4, 1) >= '8' AND length(digits) > 2
      FROM varint WHERE goes_on)
    SELECT number FROM varint WHERE NOT goes_on)`;

const WRITTEN_AT = `strftime('%Y-%m-%d %H:%M:%f', r.written_at / 1000.0, 'unixepoch')`;
const LEASE_HEX = `CASE WHEN r.lease <> 0 THEN printf('%016x', r.lease) END`;
const VALUE = `substr(r.kv, r.size - (${VALUE_SIZE}) + 1)`;

/** Name → the statement that makes the view. */
export const VIEWS = {
  rhino_kv: `CREATE VIEW rhino_kv AS
  SELECT ${readable("r.key")} AS key, ${
    readable(VALUE)
  } AS value, r.id >> 21 AS mod_revision, r.lease AS lease,
    ${CREATE_REVISION} AS create_revision, ${VERSION} AS version, ${VALUE_SIZE} AS value_size,
    ${LEASE_HEX} AS lease_hex, ${WRITTEN_AT} AS written_at, r.key AS key_bytes, ${VALUE} AS value_bytes
  FROM (SELECT c.key, c.id, c.lease, c.meta_size, c.size, c.kv AS meta, l.written_at,
      CASE length(c.kv) WHEN c.size THEN c.kv ELSE l.kv END AS kv
    FROM current c LEFT JOIN log l ON l.id = c.id) r`,

  rhino_history: `CREATE VIEW rhino_history AS
  SELECT r.id >> 21 AS revision, r.id & 2097151 AS sub, ${
    readable("r.key")
  } AS key, r.live = 0 AS deleted,
    CASE r.live WHEN 1 THEN ${readable(VALUE)} END AS value, r.lease AS lease,
    CASE r.live WHEN 1 THEN 'PUT' ELSE 'DELETE' END AS kind,
    CASE r.live WHEN 1 THEN ${CREATE_REVISION} END AS create_revision, CASE r.live WHEN 1 THEN ${VERSION} END AS version,
    CASE r.live WHEN 1 THEN ${VALUE_SIZE} END AS value_size, ${LEASE_HEX} AS lease_hex, ${WRITTEN_AT} AS written_at,
    r.key AS key_bytes, CASE r.live WHEN 1 THEN ${VALUE} END AS value_bytes
  FROM (SELECT id, key, live, lease, meta_size, length(kv) AS size, kv AS meta, kv, written_at FROM log) r`,
} as const satisfies Record<string, string>;
