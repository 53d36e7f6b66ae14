/** The scripts that change the store. Redis runs each as a whole, and writes it to its append-only file as one transaction. */

import { PRELUDE, READS, WRITES } from "./prelude.ts";

/** What Redis needs for a row besides its bytes: an entry in a hash and in two sorted sets. Measured; see README.md. */
export const ROW_OVERHEAD_BYTES = 450;
/** Arguments of one command; Lua's stack takes some thousands. An even number, as they come in pairs. */
const PIECE = 1_000;
/** Rows of the log that one step of a trim looks at. */
const TRIM_ROWS = 500;

/**
 * ARGV: place of the base, place and text of the new head, its compact revision and revision, longest gap that counts for leases in
 * milliseconds, 1 if leases resume, channel and message for other servers, number of rows, leases and records, the head's slot, then: id and
 * row; id, TTL and time that remains ('' for a lease that is gone); name, 1 or 0, and value of a record. Answers 1, or 0
 * if the store stands elsewhere.
 */
export const append = WRITES + PRELUDE + String.raw`
local state = redis.call('HMGET', HEAD, 'place', 'appended', 'pause', 'bytes')
if not state[1] then return gone() end
if state[1] ~= ARGV[1] then return 0 end
local now, bytes, at = now_ms(), tonumber(state[4]), 14
local since = math.max(0, now - state[2])
local pause = tonumber(state[3])
if since > tonumber(ARGV[6]) or ARGV[7] == '1' then pause = pause + since end

-- One call for many members costs half of a call for each.
local function in_pieces(command, key, items)
  for first = 1, #items, ${PIECE} do
    redis.call(command, key, unpack(items, first, math.min(#items, first + ${PIECE} - 1)))
  end
end

local row_items, log_items, version_items, lives_at_last, lease_at_last = {}, {}, {}, {}, {}
for _ = 1, tonumber(ARGV[10]) do
  local id, row = ARGV[at], ARGV[at + 1]
  at = at + 2
  local key, lives = key_of(row), string.sub(row, 1, 1)
  row_items[#row_items + 1] = id
  row_items[#row_items + 1] = row
  log_items[#log_items + 1] = 0
  log_items[#log_items + 1] = id
  version_items[#version_items + 1] = 0
  version_items[#version_items + 1] = versions_of(key) .. id .. lives
  lives_at_last[key] = lives == '\1'
  lease_at_last[key] = string.sub(row, 6, 13)
  bytes = bytes + #row + ${ROW_OVERHEAD_BYTES}
end
in_pieces('HSET', ROWS, row_items)
in_pieces('ZADD', LOG, log_items)
in_pieces('ZADD', VERSIONS, version_items)

local live_items, dead_items = {}, {}
for key, lives in pairs(lives_at_last) do
  if lives then
    live_items[#live_items + 1] = 0
    live_items[#live_items + 1] = key
  else
    dead_items[#dead_items + 1] = key
  end
end
in_pieces('ZADD', LIVE, live_items)
in_pieces('ZREM', LIVE, dead_items)

local has_attached = redis.call('HLEN', LEASE_OF) > 0
for key, lease in pairs(lease_at_last) do
  local before = has_attached and redis.call('HGET', LEASE_OF, key)
  local is_attached = lease ~= '\0\0\0\0\0\0\0\0'
  if before and before ~= lease then
    redis.call('ZREM', ATTACHED, before .. key)
    if not is_attached then redis.call('HDEL', LEASE_OF, key) end
  end
  if is_attached and before ~= lease then
    redis.call('ZADD', ATTACHED, 0, lease .. key)
    redis.call('HSET', LEASE_OF, key, lease)
  end
end

for _ = 1, tonumber(ARGV[11]) do
  local id, ttl, remaining = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  at = at + 3
  if remaining == '' then
    redis.call('HDEL', LEASES, id)
    redis.call('ZREM', EXPIRY, id)
  else
    redis.call('HSET', LEASES, id, ttl)
    redis.call('ZADD', EXPIRY, string.format('%.0f', now - pause + remaining), id)
  end
end

for _ = 1, tonumber(ARGV[12]) do
  local name, value = ARGV[at], ARGV[at + 2]
  bytes = bytes - redis.call('HSTRLEN', RECORDS, name)
  if ARGV[at + 1] == '1' then
    redis.call('HSET', RECORDS, name, value)
    redis.call('ZADD', NAMES, 0, name)
    bytes = bytes + #value
  else
    redis.call('HDEL', RECORDS, name)
    redis.call('ZREM', NAMES, name)
  end
  at = at + 3
end

redis.call('HSET', RING, ARGV[13], ARGV[2])
redis.call('HSET', HEAD, 'place', ARGV[2], 'top', ARGV[3], 'revision', ARGV[5], 'compact', ARGV[4], 'bytes', string.format('%.0f', bytes),
  'appended', string.format('%.0f', now), 'pause', string.format('%.0f', pause))
redis.pcall('PUBLISH', ARGV[8], ARGV[9])
return 1`;

/**
 * ARGV: revision to trim to, most rows. Answers rows removed, and 1 if all is done.
 *
 * The log is walked from where the last step ended. Each row at or below the target makes the one before it of the same key
 * superfluous, and a tombstone below it is superfluous itself. A trim that has begun is finished first, even if it may now
 * go further: what "below" means must not change for its last revision. When the walk is done it goes back to before the
 * target: a tombstone exactly there stays, and the next trim has to meet it again.
 */
export const trim = READS + PRELUDE + String.raw`
local state = redis.call('HMGET', HEAD, 'compact', 'trim_target', 'trim_done', 'trim_cursor', 'bytes')
if not state[1] then return gone() end
local target, is_done, cursor, bytes = tonumber(state[2]), state[3] == '1', state[4], tonumber(state[5])
local wanted = math.min(tonumber(ARGV[1]), tonumber(state[1]))
if wanted < 0 then return {0, 1} end

local function behind(revision)
  return '(' .. struct.pack('>I6', revision + 1)
end

if target >= wanted and (is_done or redis.call('ZLEXCOUNT', LOG, '(' .. cursor, behind(wanted)) == 0) then
  return {0, 1}
end
if is_done then target = wanted else target = math.min(target, wanted) end
local limit, removed = math.min(tonumber(ARGV[2]), ${TRIM_ROWS}), 0
local ids = redis.call('ZRANGEBYLEX', LOG, '(' .. cursor, behind(target), 'LIMIT', 0, limit)

local function remove(version)
  local id = string.sub(version, -10, -2)
  bytes = bytes - redis.call('HSTRLEN', ROWS, id) - ${ROW_OVERHEAD_BYTES}
  redis.call('HDEL', ROWS, id)
  redis.call('ZREM', LOG, id)
  redis.call('ZREM', VERSIONS, version)
  removed = removed + 1
end

for _, id in ipairs(ids) do
  local row = redis.call('HGET', ROWS, id)
  local versions = versions_of(key_of(row))
  for _, older in ipairs(redis.call('ZRANGEBYLEX', VERSIONS, '[' .. versions, '(' .. versions .. id)) do
    remove(older)
  end
  if string.byte(row) == 0 and struct.unpack('>I6', id) < target then
    remove(versions .. id .. '\0')
  end
end
is_done = #ids < limit
redis.call('HSET', HEAD, 'trim_target', string.format('%.0f', target), 'trim_done', is_done and '1' or '0',
  'trim_cursor', is_done and struct.pack('>I6', target) or ids[#ids], 'bytes', string.format('%.0f', bytes))
return {removed, is_done and target == wanted and 1 or 0}`;

/** ARGV: the member's id and info, how long ago one may have been seen to count, and to be remembered. Answers head, ids, infos. */
export const announce = WRITES + PRELUDE + String.raw`
local top = redis.call('HGET', HEAD, 'top')
if not top then return gone() end
local now = now_ms()
redis.call('HSET', MEMBERS, ARGV[1], ARGV[2])
redis.call('ZADD', SEEN, string.format('%.0f', now), ARGV[1])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', SEEN, '-inf', string.format('(%.0f', now - ARGV[4]))) do
  redis.call('HDEL', MEMBERS, id)
  redis.call('ZREM', SEEN, id)
end
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', SEEN, string.format('%.0f', now - ARGV[3]), '+inf')) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('HGET', MEMBERS, id)
end
return {top, found}`;

/** ARGV: the member's id. */
export const leave = READS + PRELUDE + String.raw`
redis.call('HDEL', MEMBERS, ARGV[1])
redis.call('ZREM', SEEN, ARGV[1])
return 1`;

/**
 * Finds the store or makes it. ARGV: 1 if it may be made, place and text of the first head, cluster id, version of this layout.
 * Answers version and cluster id as stored, and 1 if it was made; nothing if there is none.
 */
export const open = WRITES + PRELUDE + String.raw`
local found = redis.call('HMGET', HEAD, 'version', 'cluster')
if found[1] then return {found[1], found[2], 0} end
if ARGV[1] ~= '1' then return {} end
if redis.call('EXISTS', unpack(KEYS)) > 0 then
  return redis.error_reply('NOTOURS keys of the store are there already, without a head')
end
redis.call('HSET', HEAD, 'version', ARGV[5], 'cluster', ARGV[4], 'place', ARGV[2], 'top', ARGV[3], 'revision', '1', 'compact', '-1',
  'appended', string.format('%.0f', now_ms()), 'pause', '0', 'bytes', '0',
  'trim_target', '-1', 'trim_done', '1', 'trim_cursor', '')
return {ARGV[5], ARGV[4], 1}`;

/** Tries each command that another script changes the store with, on a key of its own, and undoes it: a user may not be allowed all. */
export const probe = WRITES + String.raw`
redis.call('HSET', KEYS[1], 'a', 'b')
redis.call('HDEL', KEYS[1], 'a')
redis.call('ZADD', KEYS[1], 0, 'a')
redis.call('ZREM', KEYS[1], 'a')
return 1`;
