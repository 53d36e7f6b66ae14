/**
 * What all scripts begin with: the names of the store's keys, and how a key's versions are found.
 *
 * Where things are, each in one key of Redis (see README.md for why):
 * - HEAD, a hash: `place` (index and batch id), `top` (the head as text), `compact`, the lease clock, the trim's state, and
 *   the bytes stored;
 * - RING, a hash: slot → place of the batch that was there last;
 * - ROWS, a hash: id of a row → the row (`rows.ts` says how both are written);
 * - LOG, a sorted set of all ids in order: all scores are 0, so Redis orders members as bytes;
 * - VERSIONS, a sorted set of all rows by key and id: key, escaped so that it ends where it ends, id, 1 or 0 for a tombstone;
 * - LIVE, a sorted set of the live keys;
 * - ATTACHED, a sorted set of lease id and live key, and LEASE_OF, a hash from such a key to its lease id;
 * - LEASES, a hash: id → TTL, and EXPIRY, a sorted set of ids by the lease clock;
 * - NAMES, a sorted set of records' names, and RECORDS, a hash;
 * - MEMBERS, a hash, and SEEN, a sorted set of them by Redis's clock.
 *
 * A script declares its flags in its first line, so Redis refuses it as a whole, before its first command, when it is out
 * of memory, a replica, or cannot write its files. None is marked as reading only: a replica would answer such a one.
 */

/** The order in which scripts are given the keys. */
export const KEY_NAMES = [
  "HEAD",
  "RING",
  "ROWS",
  "LOG",
  "VERSIONS",
  "LIVE",
  "ATTACHED",
  "LEASE_OF",
  "LEASES",
  "EXPIRY",
  "NAMES",
  "RECORDS",
  "MEMBERS",
  "SEEN",
] as const;

/** For scripts that take up no memory: they run when there is none left. */
export const READS = "#!lua flags=allow-oom\n";
export const WRITES = "#!lua\n";

export const PRELUDE = String.raw`
local ${KEY_NAMES.join(", ")} = unpack(KEYS)

local function gone()
  return redis.error_reply('NOSTORE the store is not there any more')
end

-- A zero in a key becomes two bytes that sort behind what ends a key.
local function escaped(key)
  if not string.find(key, '\0', 1, true) then return key end
  return (string.gsub(key, '%z', '\0\255'))
end

-- What all versions of a key begin with.
local function versions_of(key)
  return escaped(key) .. '\0\1'
end

-- The id of a key's newest row below an id or the beginning of one ('' for no bound), and whether the key lives with it.
local function newest(versions, below)
  if below == '' then below = '\255' end
  local found = redis.call('ZREVRANGEBYLEX', VERSIONS, '(' .. versions .. below, '[' .. versions, 'LIMIT', 0, 1)[1]
  if not found then return nil, false end
  return string.sub(found, -10, -2), string.byte(found, -1) == 1
end

local function key_of(row)
  return string.sub(row, 18, 17 + struct.unpack('>I4', row, 14))
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;
