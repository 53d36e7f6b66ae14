/**
 * The scripts that read. Each answers the head's text and what the ring holds in the slot of ARGV[1], then its own. What can
 * be long is read in steps of bounded size; a step behind the first one reads as of the head that the first one saw.
 */

import { PRELUDE, READS } from "./prelude.ts";

/** Rows one step looks at: some milliseconds in which Redis serves nobody else. */
const STEP_ROWS = 1_000;
/** A step ends with the row that reaches these bytes. */
const STEP_BYTES = 4 * 1024 * 1024;

const TOP = String.raw`
local top, revision = unpack(redis.call('HMGET', HEAD, 'top', 'revision'))
if not top then return gone() end
local ring = redis.call('HGET', RING, ARGV[1])

-- Whether all rows are below the id.
local function is_newest(below)
  return below == '' or struct.unpack('>I6', below) > tonumber(revision)
end

-- Where the versions of keys from a bound of LIVE on begin: '[' and a key, or '(' and one to go on behind.
local function versions_from(start)
  local key = string.sub(start, 2)
  return string.sub(start, 1, 1) == '(' and '(' .. versions_of(key) .. '\255' or '[' .. escaped(key)
end

-- Back from what all versions of a key begin with.
local function key_behind(versions)
  return (string.gsub(string.sub(versions, 1, -3), '%z\255', '\0'))
end
`;

function read(text: string): string {
  return READS + PRELUDE + TOP + text;
}

export const head = read("return {top, ring}");

/**
 * ARGV: slot, below (as in `newest`), numbers of keys, leases and records, then these. Answers how many keys it came to, their
 * rows, the clock, leases' TTL and expiry, records.
 */
export const load = read(String.raw`
local below, keys, leases, records = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local rows, bytes = {}, 0
for i = 1, keys do
  local id, lives = newest(versions_of(ARGV[5 + i]), below)
  rows[i] = lives and redis.call('HGET', ROWS, id)
  bytes = bytes + (lives and #rows[i] or 0)
  if bytes >= ${STEP_BYTES} then break end
end
local found_leases, found_records = {}, {}
for i = 1, leases do
  local id = ARGV[5 + keys + i]
  found_leases[2 * i - 1] = redis.call('HGET', LEASES, id)
  found_leases[2 * i] = redis.call('ZSCORE', EXPIRY, id)
end
for i = 1, records do
  found_records[i] = redis.call('HGET', RECORDS, ARGV[5 + keys + leases + i])
end
local clock = redis.call('HMGET', HEAD, 'appended', 'pause')
return {top, ring, rows, {string.format('%.0f', now_ms()), clock[1], clock[2]}, found_leases, found_records}`);

/**
 * ARGV: slot, below, bounds of keys, bound of versions, most rows, most bytes, 1 for keys only. Answers the rows, 1 if a
 * further row follows, and the key to go on behind, or nothing if all that was asked for has been looked at.
 */
export const range = read(String.raw`
local below, start, keys_end, versions_end = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local rows_max, bytes_max, keys_only = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1'
local rows, bytes = {}, 0

-- Answers false if the page is full, so that this row is the first of the next.
local function add(id)
  if #rows >= rows_max or bytes >= bytes_max then return false end
  local row = redis.call('HGET', ROWS, id)
  if keys_only then
    local kv_at = 18 + struct.unpack('>I4', row, 14)
    row = string.sub(row, 1, kv_at - 1 + struct.unpack('>I4', row, 2))
  end
  rows[#rows + 1] = row
  bytes = bytes + #row
  return true
end

local looked_at = 0
if is_newest(below) then
  local limit = math.min(rows_max + 1, ${STEP_ROWS})
  local keys = redis.call('ZRANGEBYLEX', LIVE, start, keys_end, 'LIMIT', 0, limit)
  for _, key in ipairs(keys) do
    if not add((newest(versions_of(key), ''))) then return {top, ring, rows, 1, false} end
    if bytes >= ${STEP_BYTES} then return {top, ring, rows, 0, key} end
  end
  return {top, ring, rows, 0, #keys == limit and keys[limit]}
end
local from = versions_from(start)
while true do
  local found = redis.call('ZRANGEBYLEX', VERSIONS, from, versions_end, 'LIMIT', 0, 1)[1]
  if not found then return {top, ring, rows, 0, false} end
  local versions = string.sub(found, 1, -11)
  local id, lives = newest(versions, below)
  if lives and not add(id) then return {top, ring, rows, 1, false} end
  looked_at = looked_at + 1
  if looked_at >= ${STEP_ROWS} or bytes >= ${STEP_BYTES} then
    return {top, ring, rows, 0, key_behind(versions)}
  end
  from = '(' .. versions .. '\255'
end`);

/** ARGV: slot, below, bounds of keys, bound of versions. Answers how many, and the key to go on behind. */
export const count = read(String.raw`
local below, start, keys_end, versions_end = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if is_newest(below) then
  return {top, ring, redis.call('ZLEXCOUNT', LIVE, start, keys_end), false}
end
local from = versions_from(start)
local counted = 0
for looked_at = 1, ${STEP_ROWS} do
  local found = redis.call('ZRANGEBYLEX', VERSIONS, from, versions_end, 'LIMIT', 0, 1)[1]
  if not found then return {top, ring, counted, false} end
  local versions = string.sub(found, 1, -11)
  local _, lives = newest(versions, below)
  if lives then counted = counted + 1 end
  from = '(' .. versions .. '\255'
end
return {top, ring, counted, key_behind(string.sub(from, 2, -2))}`);

/**
 * ARGV: slot, id to begin behind, id to end before, most rows, most bytes, 1 if what each row's revision found is wanted.
 * Answers id, row and row before for each, and 1 if there are no more.
 */
export const history = read(String.raw`
local limit = math.min(tonumber(ARGV[4]), ${STEP_ROWS})
local bytes_max = math.min(tonumber(ARGV[5]), ${STEP_BYTES})
local ids = redis.call('ZRANGEBYLEX', LOG, '(' .. ARGV[2], '(' .. ARGV[3], 'LIMIT', 0, limit)
local found, bytes = {}, 0
for _, id in ipairs(ids) do
  local row, before = redis.call('HGET', ROWS, id), false
  if ARGV[6] == '1' then
    local older, lives = newest(versions_of(key_of(row)), string.sub(id, 1, 6))
    if lives then before = redis.call('HGET', ROWS, older) end
  end
  found[#found + 1] = id
  found[#found + 1] = row
  found[#found + 1] = before
  bytes = bytes + #row + (before and #before or 0)
  if bytes >= bytes_max then return {top, ring, found, 0} end
end
return {top, ring, found, #ids < limit and 1 or 0}`);

/** ARGV: slot, one that is not used, bounds of ATTACHED. Answers its members. */
export const attached = read(
  "return {top, ring, redis.call('ZRANGEBYLEX', ATTACHED, ARGV[3], ARGV[4])}",
);

/** ARGV: slot, limit. Answers the clock, and id, expiry and TTL of each. */
export const leases = read(String.raw`
local clock = redis.call('HMGET', HEAD, 'appended', 'pause')
local found = redis.call('ZRANGE', EXPIRY, 0, ARGV[2] - 1, 'WITHSCORES')
local rows = {}
for i = 1, #found, 2 do
  rows[#rows + 1] = found[i]
  rows[#rows + 1] = redis.call('HGET', LEASES, found[i])
  rows[#rows + 1] = found[i + 1]
end
return {top, ring, {string.format('%.0f', now_ms()), clock[1], clock[2]}, rows}`);

/** ARGV: slot, bounds of names. Answers name and value of each: users, roles, tokens, never many. */
export const records = read(String.raw`
local found = {}
for _, name in ipairs(redis.call('ZRANGEBYLEX', NAMES, ARGV[2], ARGV[3])) do
  found[#found + 1] = name
  found[#found + 1] = redis.call('HGET', RECORDS, name)
end
return {top, ring, found}`);

/** ARGV: slot. Answers the bytes that are stored. */
export const size = read("return {top, ring, redis.call('HGET', HEAD, 'bytes')}");
