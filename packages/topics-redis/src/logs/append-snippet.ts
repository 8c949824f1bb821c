import { recordBytes } from '@landspout/topics';
import { TIME_SNIPPET } from '../connection/lua-script.ts';
import { FORMAT_VERSION } from './replies.ts';

/**
 * Lua that scripts begin with: functions that read and write the log of a topic or run. All keys are of one log.
 *
 * What is known of a log beside its records is in the hash `meta`: `v` version of the format, `epoch`, `last` id of the
 * newest entry, `cut` highest id that was trimmed, `first` id of the oldest entry (empty if there is none), `n` and
 * `bytes` of the records that are kept, `max` bytes of the largest since the log was empty, `age` longest time that they are
 * kept, `rev` number of revocations, `del` number of deletions, `pv` number of changes of presence.
 *
 * Ids are given here and not by XADD, because a log may outlive its stream, and its ids must go on rising. Their sequence
 * numbers jump at random: after a failover that has lost records, to a server whose clock is behind, new records have other
 * ids than the lost ones, and a reader that has seen those gets a gap.
 *
 * A log whose state has `isNewer` must not be written: the script returns {'newer', log.version} before it writes.
 * Other scripts begin their reply with another word.
 *
 * Scripts must write with a command that Redis refuses when its memory is full (HSET, XADD) first: only then does a
 * script that is refused change nothing.
 */
export const LOG_SNIPPET = `${TIME_SNIPPET}
local FORMAT_VERSION = ${FORMAT_VERSION}
local RECORD_OVERHEAD_BYTES = ${recordBytes('', undefined)}
-- Hexadecimal digits of a jump, and the highest number that is exact.
local JUMP_DIGITS, MAX_SEQUENCE = 6, 9007199254740991

local function text(number)
  return string.format('%.0f', number)
end

-- The milliseconds and the sequence number of an id.
local function idParts(id)
  local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(sequence)
end

-- Negative: the first id is before the second.
local function compareIds(a, b)
  local aMs, aSequence = idParts(a)
  local bMs, bSequence = idParts(b)
  if aMs ~= bMs then return aMs - bMs end
  return aSequence - bSequence
end

-- Returns the state of a log, or nil if there is none.
local function loadLog(logKey, metaKey)
  local fields = redis.call('HMGET', metaKey, 'v', 'epoch', 'last', 'cut', 'first', 'n', 'bytes', 'max')
  if not fields[2] then return nil end
  return {
    key = logKey,
    meta = metaKey,
    version = fields[1],
    isNewer = tonumber(fields[1]) > FORMAT_VERSION,
    epoch = fields[2],
    -- A newer version may do without some of them.
    last = fields[3] or '0-0',
    cut = fields[4] or '0-0',
    first = fields[5] or '',
    n = tonumber(fields[6] or 0),
    bytes = tonumber(fields[7] or 0),
    max = tonumber(fields[8] or 0),
  }
end

-- Returns the state of a log, which begins with this epoch if there is none.
local function openLog(logKey, metaKey, epoch)
  local log = loadLog(logKey, metaKey)
  if log then return log end
  redis.call('HSET', metaKey, 'v', FORMAT_VERSION, 'epoch', epoch, 'last', '0-0', 'cut', '0-0', 'n', 0, 'bytes', 0)
  -- Records without their state are of an epoch that is lost.
  redis.call('DEL', logKey)
  return loadLog(logKey, metaKey)
end

-- Writes what appendEntry and trimLog have changed, and other fields and values.
local function saveLog(log, ...)
  redis.call('HSET', log.meta, 'last', log.last, 'cut', log.cut, 'first', log.first,
    'n', text(log.n), 'bytes', text(log.bytes), 'max', text(log.max), ...)
end

-- The id of the next entry, after the last one also if the clock was set back. Random: text of the caller.
local function nextId(last, now, random)
  local jump = tonumber(string.sub(redis.sha1hex(random), 1, JUMP_DIGITS), 16)
  local ms, sequence = idParts(last)
  if now > ms then return text(now) .. '-' .. text(jump) end
  if sequence + 1 + jump > MAX_SEQUENCE then return text(ms + 1) .. '-' .. text(jump) end
  return text(ms) .. '-' .. text(sequence + 1 + jump)
end

-- Appends an entry, sets log.before to the id before it, and returns its id. Random: text that no other call has, from which
-- the id is made. Count: 1 for a record, 0 for an end.
local function appendEntry(log, now, random, count, bytes, ...)
  if log.first ~= '' and redis.call('EXISTS', log.key) == 0 then
    -- The stream has expired.
    log.cut, log.first, log.n, log.bytes = log.last, '', 0, 0
  end
  local id = nextId(log.last, now, random)
  redis.call('XADD', log.key, id, ...)
  log.before, log.last = log.last, id
  if log.first == '' then log.first, log.max = id, 0 end
  log.max = math.max(log.max, bytes)
  log.n, log.bytes = log.n + count, log.bytes + bytes
  return id
end

-- What a record counts. Key: '' if there is none.
local function recordBytes(key, data)
  return RECORD_OVERHEAD_BYTES + #key + #data
end

-- What the record of an entry counts. Fields: their names and values.
local function entryBytes(fields)
  local bytes = RECORD_OVERHEAD_BYTES
  for at = 1, #fields, 2 do
    if fields[at] == 'd' or fields[at] == 'k' then bytes = bytes + #fields[at + 1] end
  end
  return bytes
end

-- How many entries may be read at once, so that not more than so many bytes are copied; but at least one.
local function entriesWithin(log, bytes)
  return math.max(math.floor(bytes / math.max(log.max, 1)), 1)
end

-- Appends a record, and returns its id. Type: 't' for text, 'b' for bytes. Key: '' if there is none.
local function appendRecord(log, now, random, type, key, data)
  local bytes = recordBytes(key, data)
  if key ~= '' then
    if type == 'b' then return appendEntry(log, now, random, 1, bytes, 'd', data, 'b', '1', 'k', key) end
    return appendEntry(log, now, random, 1, bytes, 'd', data, 'k', key)
  end
  if type == 'b' then return appendEntry(log, now, random, 1, bytes, 'd', data, 'b', '1') end
  return appendEntry(log, now, random, 1, bytes, 'd', data)
end

-- Announces the record that was appended last.
local function announceRecord(channel, log, type, key, data)
  redis.call('PUBLISH', channel, table.concat({
    'R ', log.epoch, ' ', log.before, ' ', log.last, ' ', type, ' ', text(#key), '\\n', key, data,
  }))
end

-- Announces the end that was appended last. Returns the announcement.
local function announceEnd(channel, log, json)
  local announcement = table.concat({ 'E ', log.epoch, ' ', log.before, ' ', log.last, '\\n', json })
  redis.call('PUBLISH', channel, announcement)
  return announcement
end

-- Announces and counts a change of presence in a topic that is open. Returns the count.
local function announcePresence(channel, metaKey, json)
  local count = redis.call('HINCRBY', metaKey, 'pv', 1)
  redis.call('PUBLISH', channel, 'P ' .. text(count) .. '\\n' .. json)
  return count
end

-- Makes a key live for so many milliseconds if it would live for less than the least. A change is written to the disk and
-- to replicas, so it must not be needed each time.
local function keepKey(key, leastMs, ms)
  local left = redis.call('PTTL', key)
  if left ~= -2 and left < leastMs then redis.call('PEXPIRE', key, text(tonumber(ms))) end
end
`;
