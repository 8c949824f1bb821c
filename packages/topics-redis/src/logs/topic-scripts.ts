import { LuaScript } from '../connection/lua-script.ts';
import { LOG_SNIPPET } from './append-snippet.ts';

/** A publish that finds more to drop drops the rest with the next ones, so that no script takes long. */
const TRIMMED_AT_ONCE = 1000;
/** The bytes of these records, which are copied, beside those of a few of the largest: each publish drops as much as it adds. */
const TRIMMED_BYTES = 1024 * 1024;
const IDS_FORGOTTEN_AT_ONCE = 100;

/**
 * Appends a record to a topic, drops what its limits do not permit, and announces it.
 *
 * KEYS: log, meta, ids (hash: id of an append → id of its entry), idtimes (sorted set of the ids in the order of the entries).
 * ARGV: channel, new epoch (the id is made from it too), data, type (t or b), key, id, maxRecords, maxBytes, maxAgeMs, dedupeMs, maxDedupeIds, for how
 * long the keys are kept at least, and at most. Key and id: empty if there is none.
 * Reply: {'appended', epoch, id} or, if the id is known, {'known', epoch, id}.
 */
export const APPEND = new LuaScript(
  'append',
  `${LOG_SNIPPET}
local channel, data, type, key, id = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local maxRecords, maxBytes, maxAgeMs = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local dedupeMs, maxIds = tonumber(ARGV[10]), tonumber(ARGV[11])
local leastMs, keptMs = tonumber(ARGV[12]), tonumber(ARGV[13])

local function hasExcess(log, expiredMs)
  if log.n <= 0 then return false end
  if log.n > maxRecords or (log.bytes > maxBytes and log.n > 1) then return true end
  return (idParts(log.first)) <= expiredMs
end

-- Drops the oldest records until the limits hold. The entry after the last one that is dropped is looked at too.
local function trimLog(log, expiredMs)
  local left, leftBytes, chunk = ${TRIMMED_AT_ONCE}, ${TRIMMED_BYTES} + 4 * log.max, 1
  while left > 0 and leftBytes > 0 and hasExcess(log, expiredMs) do
    chunk = math.min(chunk, left, math.max(entriesWithin(log, leftBytes) - 1, 1))
    local entries = redis.call('XRANGE', log.key, log.first, '+', 'COUNT', text(chunk + 1))
    for at = 1, chunk do
      if not entries[at] or not hasExcess(log, expiredMs) then break end
      local bytes = entryBytes(entries[at][2])
      log.cut, left, leftBytes = entries[at][1], left - 1, leftBytes - bytes
      log.n, log.bytes = log.n - 1, log.bytes - bytes
      log.first = entries[at + 1] and entries[at + 1][1] or ''
    end
    if log.first == '' then log.n, log.bytes = 0, 0 end
    chunk = math.min(2 * chunk, 64)
  end
  if log.first == '' then redis.call('XTRIM', log.key, 'MAXLEN', 0)
  else redis.call('XTRIM', log.key, 'MINID', log.first) end
end

local function forgetIds(ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[4], unpack(ids))
  redis.call('HDEL', KEYS[3], unpack(ids))
end

-- The place of the next entry in idtimes: its time in microseconds, and in one millisecond the order.
local function nextPlace(entryId)
  local newest = redis.call('ZRANGE', KEYS[4], 0, 0, 'REV', 'WITHSCORES')[2]
  return math.max((idParts(entryId)) * 1000, newest and tonumber(newest) + 1 or 0)
end

local function rememberId(entryId, forgotten)
  redis.call('HSET', KEYS[3], id, entryId)
  redis.call('ZADD', KEYS[4], text(nextPlace(entryId)), id)
  forgetIds(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. text(forgotten), 'LIMIT', 0, ${IDS_FORGOTTEN_AT_ONCE}))
  local excess = redis.call('ZCARD', KEYS[4]) - maxIds
  if excess > 0 then forgetIds(redis.call('ZRANGE', KEYS[4], 0, math.min(excess, ${IDS_FORGOTTEN_AT_ONCE}) - 1)) end
end

local log = openLog(KEYS[1], KEYS[2], ARGV[2])
if log.isNewer then return { 'newer', log.version } end
local now = nowMs()
-- Ids of entries before this place are forgotten.
local forgotten = (math.floor(now - dedupeMs) + 1) * 1000
if id ~= '' then
  local place = redis.call('ZSCORE', KEYS[4], id)
  local known = place and tonumber(place) >= forgotten and redis.call('HGET', KEYS[3], id)
  if known then return { 'known', log.epoch, known } end
end
local entryId = appendRecord(log, now, ARGV[2], type, key, data)
if hasExcess(log, now - maxAgeMs) then trimLog(log, now - maxAgeMs) end
saveLog(log, 'age', ARGV[9])
if id ~= '' then rememberId(entryId, forgotten) end
for at = 1, id == '' and 2 or 4 do keepKey(KEYS[at], leastMs, keptMs) end
announceRecord(channel, log, type, key, data)
return { 'appended', log.epoch, entryId }
`,
);

/**
 * Forgets a topic and announces it. Its state is kept for a while in a new epoch, so that processes that miss the
 * announcement can tell a deletion from a loss of memory.
 *
 * KEYS: as {@link APPEND}. ARGV: channel, new epoch, for how long the state is kept.
 * Reply: {'deleted', epoch} or {'none'}.
 */
export const DELETE = new LuaScript(
  'delete',
  `#!lua flags=allow-oom
${LOG_SNIPPET}
local log = loadLog(KEYS[1], KEYS[2])
if not log then return { 'none' } end
if log.isNewer then return { 'newer', log.version } end
local counts = redis.call('HMGET', KEYS[2], 'del', 'pv')
redis.call('DEL', unpack(KEYS))
openLog(KEYS[1], KEYS[2], ARGV[2])
redis.call('HSET', KEYS[2], 'del', text(tonumber(counts[1] or 0) + 1), 'pv', counts[2] or 0)
keepKey(KEYS[2], tonumber(ARGV[3]), ARGV[3])
redis.call('PUBLISH', ARGV[1], 'D ' .. log.epoch .. '\\n')
return { 'deleted', log.epoch }
`,
);

/**
 * Announces a revocation, and counts it if the topic exists: one that does not has no followers that could miss it.
 *
 * KEYS: log, meta. ARGV: channel, stamp, JSON of the subject or nothing. Reply: {'revoked'}.
 */
export const REVOKE = new LuaScript(
  'revoke',
  `#!lua flags=allow-oom
${LOG_SNIPPET}
local log = loadLog(KEYS[1], KEYS[2])
if log and log.isNewer then return { 'newer', log.version } end
local count = log and redis.call('HINCRBY', KEYS[2], 'rev', 1) or 0
redis.call('PUBLISH', ARGV[1], 'V ' .. text(count) .. ' ' .. ARGV[2] .. '\\n' .. ARGV[3])
return { 'revoked' }
`,
);
