/**
 * Views for people: what the tables hold as text, numbers and times. Rhino itself never reads them. `r` stands for a row.
 *
 * What only stands in the stored message (`mvccpb.KeyValue`) is cut out of it: behind the frame and the key, whose length is
 * known, comes the tag of `create_revision` and its varint; `version` is the last varint in front of the lease, if there is
 * one, and of the value. Both take six bytes at most, as a revision has 42 bits.
 *
 * No subqueries: with one a view is no longer taken apart, and then a question about one key reads them all.
 *
 * A later Rhino may add columns behind the last: by their number a server sees whether the views are older than its own.
 */

/** `[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\u009f]`: no backslash, which not every setting of a server takes for one. */
const CONTROL = "_utf8mb4 0x5B012D080B0C0E2D1F7F2DC29F5D";

/**
 * Bytes as text if they are UTF-8 without control characters other than tab and line ends, else `0x` and their hexadecimal
 * digits. What is not UTF-8 is changed by a conversion there and back, or becomes NULL; by way of UTF-16, for in UTF-8
 * MariaDB takes halves of its pairs for characters.
 */
function readable(bytes: string): string {
  return `CASE WHEN INSTR(${bytes}, x'00') = 0 AND CAST(CONVERT(CONVERT(CONVERT(${bytes} USING utf8mb4) USING utf16) USING utf8mb4) AS BINARY) = ${bytes}
      AND CONVERT(${bytes} USING utf8mb4) NOT REGEXP ${CONTROL}
    THEN CONVERT(${bytes} USING utf8mb4) ELSE CONCAT('0x', HEX(${bytes})) END`;
}

/** The length in front of a value takes one to four bytes. */
const VALUE_SIZE =
  `CASE WHEN r.size = r.cut THEN 0 WHEN r.size - r.cut < 130 THEN r.size - r.cut - 2
    WHEN r.size - r.cut < 16387 THEN r.size - r.cut - 3 WHEN r.size - r.cut < 2097156 THEN r.size - r.cut - 4
    ELSE r.size - r.cut - 5 END`;
const VALUE = `SUBSTRING(r.kv, r.size - (${VALUE_SIZE}) + 1)`;

/** What the varint says with which six bytes begin; `n` is the six as a number. */
function varint(n: string): string {
  return `(${n} >> 40 & 127) + (${n} >> 47 & 1) * ((${n} >> 32 & 127) * 128 + (${n} >> 39 & 1) * ((${n} >> 24 & 127) * 16384
      + (${n} >> 31 & 1) * ((${n} >> 16 & 127) * 2097152 + (${n} >> 23 & 1) * ((${n} >> 8 & 127) * 268435456
      + (${n} >> 15 & 1) * (${n} & 127) * 34359738368))))`;
}

/** The six bytes of a kv from a place on, as a number; there may be five, in front of an empty value. */
function sixBytes(place: string): string {
  return `CAST(CONV(RPAD(HEX(SUBSTRING(kv, ${place}, 6)), 12, '0'), 16, 10) AS UNSIGNED)`;
}

const CREATE_PLACE = `LENGTH(k) + 6 + CASE WHEN LENGTH(k) > 127 THEN 1 ELSE 0 END
      + CASE WHEN size < 130 THEN 0 WHEN size < 16387 THEN 1 WHEN size < 2097156 THEN 2 ELSE 3 END`;
/** The varint of the version ends the six bytes that begin here. */
const VERSION_PLACE =
  `cut - 5 - CASE WHEN lease = 0 THEN 0 WHEN lease < 0 THEN 11 WHEN lease < 128 THEN 2
      WHEN lease < 16384 THEN 3 WHEN lease < 2097152 THEN 4 WHEN lease < 268435456 THEN 5 WHEN lease < 34359738368 THEN 6
      WHEN lease < 4398046511104 THEN 7 WHEN lease < 562949953421312 THEN 8 WHEN lease < 72057594037927936 THEN 9
      ELSE 10 END`;
/** Moves it to their beginning, by as many bytes as there are in front of it; most often it is one byte. */
const VERSION = `CASE WHEN r.m >> 15 & 1 = 0 THEN r.m & 127 ELSE ${
  varint(`(r.m << (40 - 8 * (1 + (r.m >> 23 & 1) * (1 + (r.m >> 31 & 1) * (1 + (r.m >> 39 & 1)
      * (1 + (r.m >> 47 & 1)))))))`)
} END`;
const CREATE_REVISION = varint("r.n");

const LEASE_HEX = `CASE WHEN r.lease <> 0 THEN LOWER(LPAD(HEX(r.lease), 16, '0')) END`;

export const VIEWS: Readonly<Record<string, string>> = {
  rhino_kv: `CREATE OR REPLACE SQL SECURITY INVOKER VIEW rhino_kv AS
SELECT ${readable("r.k")} AS \`key\`, ${
    readable(VALUE)
  } AS \`value\`, r.id >> 21 AS mod_revision, r.lease AS lease,
  ${CREATE_REVISION} AS create_revision,
  ${VERSION} AS version,
  ${VALUE_SIZE} AS value_size, ${LEASE_HEX} AS lease_hex, l.written_at AS written_at, r.k AS key_bytes,
  ${VALUE} AS value_bytes
FROM (
  SELECT k, id, lease, cut, size, kv, ${sixBytes(CREATE_PLACE)} AS n,
    ${sixBytes(VERSION_PLACE)} AS m FROM rhino_current) r
LEFT JOIN rhino_log l ON l.id = r.id`,

  rhino_history: `CREATE OR REPLACE SQL SECURITY INVOKER VIEW rhino_history AS
SELECT r.id >> 21 AS revision, r.id & 2097151 AS sub, ${
    readable("r.k")
  } AS \`key\`, r.live = 0 AS deleted,
  CASE r.live WHEN 1 THEN ${readable(VALUE)} END AS \`value\`, r.lease AS lease,
  CASE r.live WHEN 1 THEN 'PUT' ELSE 'DELETE' END AS kind,
  CASE r.live WHEN 1 THEN ${CREATE_REVISION} END AS create_revision,
  CASE r.live WHEN 1 THEN ${VERSION} END AS version,
  CASE r.live WHEN 1 THEN ${VALUE_SIZE} END AS value_size, ${LEASE_HEX} AS lease_hex, r.written_at AS written_at,
  r.k AS key_bytes, CASE r.live WHEN 1 THEN ${VALUE} END AS value_bytes
FROM (
  SELECT id, k, live, lease, cut, size, kv, written_at, ${sixBytes(CREATE_PLACE)} AS n,
    ${sixBytes(VERSION_PLACE)} AS m FROM rhino_log) r`,
};

/**
 * Tables of an older Rhino get the column without being written anew. What is in them by then has no time, for the default
 * comes later. MySQL has no `ADD COLUMN IF NOT EXISTS`, so each text is chosen by what there is.
 */
export const WRITTEN_AT: readonly string[] = [
  `SET @rhino_change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
  AND table_name = 'rhino_log' AND column_name = 'written_at') = 0,
  'ALTER TABLE rhino_log ADD COLUMN written_at DATETIME(3) NULL, ALGORITHM = INSTANT', 'DO 0')`,
  `PREPARE rhino_change FROM @rhino_change`,
  `EXECUTE rhino_change`,
  `SET @rhino_change = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
  AND table_name = 'rhino_log' AND column_name = 'written_at' AND LOWER(column_default) LIKE 'current_timestamp%') = 0,
  'ALTER TABLE rhino_log MODIFY COLUMN written_at DATETIME(3) NULL DEFAULT CURRENT_TIMESTAMP(3)', 'DO 0')`,
  `PREPARE rhino_change FROM @rhino_change`,
  `EXECUTE rhino_change`,
  `DEALLOCATE PREPARE rhino_change`,
];

/** Of both views together. */
export const VIEW_COLUMNS = 25;
