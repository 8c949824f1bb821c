import { LuaScript } from '../connection/lua-script.ts';
import { LOG_SNIPPET } from './append-snippet.ts';

/** Entries that one script looks at to find the last so many: they are copied, though only their ids are needed. */
const SOUGHT_AT_ONCE = 256;
const SOUGHT_BYTES = 1024 * 1024;
/** Entries that are copied at once, before their bytes are counted. */
const CHUNK_ENTRIES = 128;
/** What may be copied beyond the bytes of a page, so that the last small records of it are not read one by one. */
const SPARE_BYTES = 64 * 1024;

/**
 * Reads a page.
 *
 * KEYS: log, meta. ARGV: maxRecords, maxBytes, and where it starts: 'start'; 'after', epoch, id; 'last', number; or
 * 'back', epoch, id, number: so many before the entry with that id.
 * Reply: {'none'} if there is no log; {'back', epoch, id, number} to go on looking for the start; or {'page', reason of
 * the gap or '', start, whether there are more (0 or 1), entries, and the state as {@link STATE} replies it}.
 */
export const READ = new LuaScript(
  'read',
  `#!lua flags=no-writes
${LOG_SNIPPET}
local maxRecords, maxBytes, mode = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local log = loadLog(KEYS[1], KEYS[2])
if not log then return { 'none' } end
local rest = redis.call('HMGET', KEYS[2], 'age', 'rev', 'del', 'pv', 'end', 'cancel')
local hasEnd = rest[5] and true or false

-- The position before the oldest record that is neither trimmed nor too old.
local function findFloor()
  if log.first == '' then return log.cut end
  if redis.call('EXISTS', log.key) == 0 then return log.last end
  if not rest[1] then return log.cut end
  local expired = nowMs() - tonumber(rest[1])
  if (idParts(log.first)) > expired then return log.cut end
  return redis.call('XREVRANGE', log.key, text(expired), '-', 'COUNT', 1)[1][1]
end

local floor = findFloor()

-- The reason why reading cannot go on after an id, or ''.
local function gapAfter(epoch, id)
  if epoch ~= log.epoch then return 'reset' end
  if compareIds(id, log.last) > 0 then return 'future' end
  if compareIds(id, floor) < 0 then return 'trimmed' end
  if id == log.last or id == floor then return '' end
  return redis.call('XRANGE', log.key, id, id)[1] and '' or 'reset'
end

-- The position so many records before one, or nil with the position from which the rest is to be counted.
local function back(before, count)
  local left, leftBytes = ${SOUGHT_AT_ONCE}, ${SOUGHT_BYTES}
  while left > 0 and leftBytes > 0 do
    local wanted = math.min(count + 1, left, entriesWithin(log, leftBytes))
    local entries = redis.call('XREVRANGE', log.key, before, '-', 'COUNT', text(wanted))
    if #entries < wanted then return floor end
    local reached = entries[wanted][1]
    if compareIds(reached, floor) <= 0 then return floor end
    if wanted == count + 1 then return reached end
    for _, entry in ipairs(entries) do leftBytes = leftBytes - entryBytes(entry[2]) end
    before, count, left = '(' .. reached, count - wanted, left - wanted
  end
  return nil, string.sub(before, 2), count
end

local reason, start, from, count = '', floor, nil, nil
if mode == 'after' then
  reason = gapAfter(ARGV[4], ARGV[5])
  if reason == '' then start = ARGV[5] end
elseif mode == 'last' and tonumber(ARGV[4]) < log.n then
  start, from, count = back(hasEnd and '(' .. log.last or '+', tonumber(ARGV[4]))
elseif mode == 'back' and ARGV[4] == log.epoch then
  start, from, count = back('(' .. ARGV[5], tonumber(ARGV[6]))
end
if not start then return { 'back', log.epoch, from, text(count) } end

local entries, bytes, more, isDone = {}, 0, 0, start == log.last
local after = start
while not isDone do
  local wanted = math.min(entriesWithin(log, math.max(maxBytes - bytes, ${SPARE_BYTES})), ${CHUNK_ENTRIES},
    maxRecords - #entries + 1)
  local chunk = redis.call('XRANGE', log.key, '(' .. after, '+', 'COUNT', text(wanted))
  isDone = #chunk < wanted
  for _, entry in ipairs(chunk) do
    local fields = entry[2]
    if fields[1] == 'e' then
      isDone = true
      break
    end
    bytes = bytes + entryBytes(fields)
    if #entries == maxRecords or (#entries > 0 and bytes > maxBytes) then
      more, isDone = 1, true
      break
    end
    entries[#entries + 1] = entry
    after = entry[1]
  end
end
return { 'page', reason, start, more, entries,
  { log.version, log.epoch, log.last, rest[2] or 0, rest[3] or 0, rest[4] or 0, rest[5] or '', rest[6] or '' } }
`,
);

/**
 * Returns the state of a log, and makes a topic live for a while longer. A topic begins if there is none.
 *
 * KEYS: log, meta. ARGV: t (topic) or r (run), new epoch, for how long it is kept (at least half of it), and what the caller knows: epoch, last,
 * rev, del, pv (or '' if it is of no interest), cancel; or nothing.
 * Reply: {'none'}, {'same'} if the caller knows all of it, or {'state', {version, epoch, last, rev, del, pv, end, cancel}}.
 */
export const STATE = new LuaScript(
  'state',
  `#!lua flags=allow-oom
${LOG_SNIPPET}
local log = loadLog(KEYS[1], KEYS[2])
if not log then
  if ARGV[1] ~= 't' then return { 'none' } end
  log = openLog(KEYS[1], KEYS[2], ARGV[2])
end
if ARGV[1] == 't' and not log.isNewer then keepKey(KEYS[2], tonumber(ARGV[3]) / 2, ARGV[3]) end
local rest = redis.call('HMGET', KEYS[2], 'rev', 'del', 'pv', 'end', 'cancel')
local rev, del, pv, cancel = rest[1] or '0', rest[2] or '0', rest[3] or '0', rest[5] or ''
if ARGV[4] == log.epoch and ARGV[5] == log.last and ARGV[6] == rev and ARGV[7] == del
  and (ARGV[8] == pv or ARGV[8] == '') and ARGV[9] == cancel then
  return { 'same' }
end
return { 'state', { log.version, log.epoch, log.last, rev, del, pv, rest[4] or '', cancel } }
`,
);
