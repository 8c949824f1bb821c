import { LuaScript } from '../connection/lua-script.ts';
import { LOG_SNIPPET } from '../logs/append-snippet.ts';

/**
 * How long a run without an end is kept after its lease and the longest duration of a producer have passed, so that a
 * process can still end or continue it if none has been there meanwhile.
 */
const UNFINISHED_KEEP_MS = 24 * 3_600_000;

/** How much longer than a run its end is known to followers that were cut off. */
const END_KEEP_MS = 5 * 60_000;

/**
 * Begins each script. Keys: log, meta, and where its end is kept. Arguments: the channel, and those of the script.
 *
 * The fields of a run in `meta`, beside those of its log: `owner`, `input` if there is any, `started`, `token` of the
 * present producer, `lease` (when it expires; 0: it was given up), `attempt`, `claimid` of the call that made the present
 * claim, `cancel` (1) if that is requested, `end` (JSON) and `endid` of the call that wrote it; and the settings.
 *
 * Tokens are times of Redis in microseconds, so that they rise even if Redis has lost the run meanwhile.
 */
const RUN_SNIPPET = `${LOG_SNIPPET}
local LOG, META = KEYS[1], KEYS[2]
local log = loadLog(LOG, META)
local now = nowMs()

local function field(name)
  return redis.call('HGET', META, name)
end

-- What is known of the run.
local function info()
  local fields = redis.call('HMGET', META, 'owner', 'input', 'started', 'attempt', 'cancel', 'end')
  return { log.epoch, log.last, text(log.n), unpack(fields, 1, 6) }
end

local function settings()
  return redis.call('HMGET', META, 'maxRecords', 'maxBytes', 'leaseMs', 'ttlMs', 'maxDurationMs')
end

local function newToken()
  return math.max(nowMicros(), tonumber(field('token') or '0') + 1)
end

-- Starts, or renews, the lease.
local function takeLease()
  local limits = redis.call('HMGET', META, 'leaseMs', 'maxDurationMs')
  local leaseMs = tonumber(limits[1])
  redis.call('HSET', META, 'lease', text(now + leaseMs))
  local keepMs = text(leaseMs + tonumber(limits[2]) + ${UNFINISHED_KEEP_MS})
  redis.call('PEXPIRE', META, keepMs)
  redis.call('PEXPIRE', LOG, keepMs)
end

local function claimed()
  takeLease()
  return { 'claimed', field('token'), info(), settings() }
end

-- Whether the token is that of the producer that may write.
local function isHeld(token)
  if not log then return false end
  local fields = redis.call('HMGET', META, 'token', 'lease', 'end')
  return fields[1] == token and fields[2] ~= '0' and not fields[3]
end
`;

const script = (name: string, body: string) => new LuaScript(name, `${RUN_SNIPPET}${body}`);

/** Of scripts that must work although the memory of Redis is full: without them the runs that go on would end. */
const smallScript = (name: string, body: string) =>
  new LuaScript(name, `#!lua flags=allow-oom\n${RUN_SNIPPET}${body}`);

/**
 * Claims a run that does not exist.
 *
 * ARGV: channel, new epoch, id of the call, `look` or `claim`, owner, 1 if there is an input, input, and the settings.
 * Reply: {'claimed', token, info, settings}, also if this call has claimed it before; {'exists', info}; or, with `look`,
 * {'none'}.
 */
export const CLAIM = script(
  'claim run',
  `
local owner = ARGV[5]
if log then
  local fields = redis.call('HMGET', META, 'claimid', 'lease', 'end', 'owner')
  local isRepeated = fields[1] == ARGV[3] and fields[2] ~= '0' and not fields[3] and fields[4] == owner
  if isRepeated and not log.isNewer then return claimed() end
  return { 'exists', info() }
end
if ARGV[4] == 'look' then return { 'none' } end
log = openLog(LOG, META, ARGV[2])
redis.call('HSET', META, 'owner', owner, 'started', text(now), 'token', text(newToken()), 'attempt', 0,
  'claimid', ARGV[3], 'maxRecords', ARGV[8], 'maxBytes', ARGV[9], 'leaseMs', ARGV[10], 'ttlMs', ARGV[11],
  'maxDurationMs', ARGV[12])
if ARGV[6] == '1' then redis.call('HSET', META, 'input', ARGV[7]) end
return claimed()`,
);

/**
 * Claims a run whose lease has expired.
 *
 * ARGV: channel, id of the call, epoch of the run or ''. Reply: {'claimed', …} as {@link CLAIM}; {'held', milliseconds
 * until the lease expires}; {'gone'} if there is no such run without an end.
 */
export const CLAIM_EXPIRED = smallScript(
  'claim expired run',
  `
if not log or (ARGV[3] ~= '' and log.epoch ~= ARGV[3]) then return { 'gone' } end
local fields = redis.call('HMGET', META, 'claimid', 'lease', 'end', 'attempt')
if fields[3] then return { 'gone' } end
if log.isNewer then return { 'newer', log.version } end
local lease = tonumber(fields[2])
if fields[1] == ARGV[2] and lease > 0 then return claimed() end
if lease > now then return { 'held', lease - now } end
redis.call('HSET', META, 'token', text(newToken()), 'attempt', text(tonumber(fields[4]) + 1), 'claimid', ARGV[2])
return claimed()`,
);

/** ARGV: channel, token. Reply: {'renewed', epoch, leaseMs} or {'lost'}. */
export const RENEW = smallScript(
  'renew run',
  `
if not isHeld(ARGV[2]) then return { 'lost' } end
if log.isNewer then return { 'newer', log.version } end
takeLease()
return { 'renewed', log.epoch, field('leaseMs') }`,
);

/** ARGV: channel, token. Reply: {'released', epoch} or {'lost'}. */
export const RELEASE = smallScript(
  'release run',
  `
if not isHeld(ARGV[2]) then return { 'lost' } end
if log.isNewer then return { 'newer', log.version } end
redis.call('HSET', META, 'lease', 0)
return { 'released', log.epoch }`,
);

/**
 * Appends a record.
 *
 * ARGV: channel, token, t (text) or b (bytes), data, random text. Reply: {'written', epoch, id}, {'lost'}, or {'full',
 * maxRecords, maxBytes}.
 */
export const WRITE = script(
  'write run',
  `
if not isHeld(ARGV[2]) then return { 'lost' } end
if log.isNewer then return { 'newer', log.version } end
local limits = redis.call('HMGET', META, 'maxRecords', 'maxBytes', 'leaseMs', 'maxDurationMs')
local bytes = recordBytes('', ARGV[4])
if log.n >= tonumber(limits[1]) or log.bytes + bytes > tonumber(limits[2]) then
  return { 'full', limits[1], limits[2] }
end
local isFirst = log.first == ''
appendRecord(log, now, ARGV[5], ARGV[3], '', ARGV[4])
saveLog(log)
if isFirst then
  redis.call('PEXPIRE', LOG, text(tonumber(limits[3]) + tonumber(limits[4]) + ${UNFINISHED_KEEP_MS}))
end
announceRecord(ARGV[1], log, ARGV[3], '', ARGV[4])
return { 'written', log.epoch, log.last }`,
);

/**
 * Ends a run.
 *
 * ARGV: channel, token, id of the call, JSON of the end. Reply: {'ended', epoch, id, JSON}, also if this call has ended it
 * before; or {'lost'}.
 */
export const END = smallScript(
  'end run',
  `
if log and field('endid') == ARGV[3] then return { 'ended', log.epoch, log.last, field('end') } end
if not isHeld(ARGV[2]) then return { 'lost' } end
if log.isNewer then return { 'newer', log.version } end
appendEntry(log, now, ARGV[3], 0, 0, 'e', ARGV[4])
saveLog(log)
redis.call('HSET', META, 'end', ARGV[4], 'endid', ARGV[3])
local ttlMs = field('ttlMs')
local announcement = announceEnd(ARGV[1], log, ARGV[4])
redis.call('SET', KEYS[3], announcement, 'PX', text(tonumber(ttlMs) + ${END_KEEP_MS}))
redis.call('PEXPIRE', LOG, ttlMs)
redis.call('PEXPIRE', META, ttlMs)
return { 'ended', log.epoch, log.last, ARGV[4] }`,
);

/** Requests the end of a run. Reply: {'run', info} or {'none'}. */
export const CANCEL = smallScript(
  'cancel run',
  `
if not log then return { 'none' } end
if not field('end') and not field('cancel') then
  if log.isNewer then return { 'newer', log.version } end
  redis.call('HSET', META, 'cancel', 1)
  redis.call('PUBLISH', ARGV[1], 'C\\n')
end
return { 'run', info() }`,
);

/** Reply: {'run', info} or {'none'}. */
export const INFO = new LuaScript(
  'read run',
  `#!lua flags=no-writes
${RUN_SNIPPET}
if not log then return { 'none' } end
return { 'run', info() }`,
);
