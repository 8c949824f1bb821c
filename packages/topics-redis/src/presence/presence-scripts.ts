import { LuaScript } from '../connection/lua-script.ts';
import { LOG_SNIPPET } from '../logs/append-snippet.ts';

/**
 * How long the keys of the members of a topic live without {@link CHECK}. It is only for what is left if Redis loses a
 * part of its memory and the processes end before they notice.
 */
const KEEP_MS = 3_600_000;
/** How long a process may have members in a topic without {@link CHECK}: ten times as long as it takes to check all. */
const STALE_MS = 600_000;
/** Most processes that one reply reports. */
const MAX_STALE = 10;
/** Most members that one script removes, and most leaves that it announces: no script takes long. */
const MAX_LEAVES = 200;

/**
 * Begins each script. Keys: meta, members, leaving, processes and, if it is about a process, its members. Arguments: the
 * channel, and those of the script.
 *
 * A member is stored as `<processes> <leave delay> <JSON>`. The members of a process are the fields of a hash, whose empty
 * field is a mark that each change replaces by a new one: a process that knows the latest mark knows what is there, also
 * after a failover that has lost some changes. Once the process has ended, its mark says so, and what it may still send is
 * refused: it has to take another id.
 *
 * Changes are announced and counted only if there is a log: nothing else follows a topic, and its first follower gets all
 * members.
 */
const PRESENCE_SNIPPET = `${LOG_SNIPPET}
local META, MEMBERS, LEAVING, PROCESSES, JOINED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local PROCESS = JOINED and string.match(JOINED, '[^:]+$')
local now = nowMs()
local count = 0

-- The version of the format if it is a later one.
local function newerVersion()
  local version = redis.call('HGET', META, 'v')
  if version and tonumber(version) > FORMAT_VERSION then return version end
  return nil
end

local function announce(json)
  if redis.call('EXISTS', META) == 1 then count = announcePresence(ARGV[1], META, json) end
end

local ENDED = 'ended'

-- The mark of the members of the process; empty if there are none.
local function loadMark()
  return redis.call('HGET', JOINED, '') or ''
end

local function loadMember(name)
  local stored = redis.call('HGET', MEMBERS, name)
  if not stored then return nil end
  local processes, delay, json = string.match(stored, '^(%d+) (%d+) (.*)$')
  return { processes = tonumber(processes), delay = tonumber(delay), json = json }
end

local function saveMember(name, member)
  local counts = text(member.processes) .. ' ' .. text(member.delay) .. ' '
  redis.call('HSET', MEMBERS, name, counts .. member.json)
end

-- One process more.
local function addTo(name, member, delay)
  member.processes, member.delay = member.processes + 1, delay
  saveMember(name, member)
  redis.call('ZREM', LEAVING, name)
end

local function addNew(name, json, delay)
  saveMember(name, { processes = 1, delay = delay, json = json })
  announce('{"joined":' .. json .. '}')
end

-- One process less. The last one begins the delay of the leave.
local function removeFrom(name, delay)
  local member = loadMember(name)
  if not member or member.processes == 0 then return end
  member.processes = member.processes - 1
  saveMember(name, member)
  if member.processes == 0 then redis.call('ZADD', LEAVING, text(now + (delay or member.delay)), name) end
end

local function announceLeaves()
  local due = redis.call('ZRANGEBYSCORE', LEAVING, '-inf', text(now), 'LIMIT', 0, ${MAX_LEAVES})
  for _, name in ipairs(due) do
    redis.call('ZREM', LEAVING, name)
    redis.call('HDEL', MEMBERS, name)
    announce('{"left":' .. cjson.encode(name) .. '}')
  end
end

-- Notes that the process has seen to its members here, or that it has none.
local function noteProcess()
  if redis.call('EXISTS', JOINED) == 1 then
    redis.call('ZADD', PROCESSES, text(now), PROCESS)
  else
    redis.call('ZREM', PROCESSES, PROCESS)
  end
end

-- Processes that have ended without anything that is left of them but their members here.
local function staleProcesses()
  return redis.call('ZRANGEBYSCORE', PROCESSES, '-inf', text(now - ${STALE_MS}), 'LIMIT', 0, ${MAX_STALE})
end

-- Replaces the mark, after a change. Returns the new one.
local function mark()
  local fields = redis.call('HLEN', JOINED) - redis.call('HEXISTS', JOINED, '')
  if fields > 0 then redis.call('HSET', JOINED, '', ARGV[2]) else redis.call('DEL', JOINED) end
  noteProcess()
  return fields > 0 and ARGV[2] or ''
end

local function keepKeys()
  for each = 2, #KEYS do redis.call('PEXPIRE', KEYS[each], ${KEEP_MS}) end
end

-- The reply: in how many milliseconds the next leave is due (-1: never), the number of changes after this one, and more.
local function done(...)
  announceLeaves()
  keepKeys()
  local first = redis.call('ZRANGE', LEAVING, 0, 0, 'WITHSCORES')
  local due = -1
  if first[2] then due = math.max(tonumber(first[2]) - now, 0) end
  return { 'done', due, count, ... }
end
`;

const script = (name: string, body: string) => new LuaScript(name, `${PRESENCE_SNIPPET}${body}`);

/** Of scripts that must work although the memory of Redis is full, because they free it or nothing works without them. */
const ALLOW_OOM = '#!lua flags=allow-oom\n';

const freeing = (name: string, body: string) => new LuaScript(name, `${ALLOW_OOM}${PRESENCE_SNIPPET}${body}`);

/** What a script that writes does first. */
const REFUSE_NEWER = `
local newer = newerVersion()
if newer then return { 'newer', newer } end
`;

/**
 * Adds a member of a process. Arguments: new mark, name, JSON, leave delay, most members. Replies `full`, `lost` or `done`
 * with the mark before and after.
 */
export const JOIN = script(
  'join',
  `${REFUSE_NEWER}
local name, json, delay, before = ARGV[3], ARGV[4], tonumber(ARGV[5]), loadMark()
if before == ENDED then return { 'lost' } end
if redis.call('HSETNX', JOINED, name, 1) == 1 then
  announceLeaves()
  local member = loadMember(name)
  if member then
    addTo(name, member, delay)
  elseif redis.call('HLEN', MEMBERS) >= tonumber(ARGV[6]) then
    redis.call('HDEL', JOINED, name)
    return { 'full' }
  else
    addNew(name, json, delay)
  end
end
return done(before, mark())`,
);

/**
 * Removes members of a process. Arguments: new mark, leave delay (empty: that of each member), names. Replies `done` with
 * the mark before and after.
 */
export const LEAVE = freeing(
  'leave',
  `${REFUSE_NEWER}
local before = loadMark()
if before == ENDED then return done(before, before) end
announceLeaves()
for each = 4, #ARGV do
  if redis.call('HDEL', JOINED, ARGV[each]) == 1 then removeFrom(ARGV[each], tonumber(ARGV[3])) end
end
return done(before, mark())`,
);

/**
 * Adds members that were accepted before. Arguments: new mark; name, JSON and leave delay of each. Replies `lost`, or
 * `done` with the mark before and after.
 */
export const REJOIN = script(
  'rejoin',
  `${REFUSE_NEWER}
local before = loadMark()
if before == ENDED then return { 'lost' } end
for each = 3, #ARGV, 3 do
  local name, json, delay = ARGV[each], ARGV[each + 1], tonumber(ARGV[each + 2])
  if redis.call('HSETNX', JOINED, name, 1) == 1 then
    local member = loadMember(name)
    if member then addTo(name, member, delay) else addNew(name, json, delay) end
  end
end
return done(before, mark())`,
);

/** Keeps the keys. Replies `lost`, or `done` with the mark and the ids of stale processes. */
export const CHECK = freeing(
  'check members',
  `
local before = loadMark()
if before == ENDED then return { 'lost' } end
noteProcess()
keepKeys()
return { 'done', before, staleProcesses() }`,
);

/** Removes members of a process that has ended. Replies `done` with whether there are more (0 or 1). */
export const SWEEP = freeing(
  'sweep members',
  `${REFUSE_NEWER}
redis.call('HSET', JOINED, '', ENDED)
for _, name in ipairs(redis.call('HRANDFIELD', JOINED, ${MAX_LEAVES} + 1)) do
  if name ~= '' then
    redis.call('HDEL', JOINED, name)
    removeFrom(name)
  end
end
redis.call('ZREM', PROCESSES, PROCESS)
return done(redis.call('HLEN', JOINED) > 1 and 1 or 0)`,
);

/** Announces the leaves that are due. */
export const ANNOUNCE_LEAVES = freeing('announce leaves', `${REFUSE_NEWER}return done()`);

/** Replies with the number of changes, the ids of stale processes, and the JSON of each member. */
export const MEMBERS = freeing(
  'members',
  `
if not newerVersion() then announceLeaves() end
local reply = { redis.call('HGET', META, 'pv') or '0', staleProcesses() }
for _, stored in ipairs(redis.call('HVALS', MEMBERS)) do
  reply[#reply + 1] = string.match(stored, '^%d+ %d+ (.*)$')
end
return reply`,
);

/** Keys: lease and topics of a process. Renews the lease. Arguments: milliseconds, 1 if it is new. Replies 0 if it is lost. */
export const RENEW_LEASE = new LuaScript(
  'renew lease',
  `${ALLOW_OOM}
local taken
if ARGV[2] == '1' then
  taken = redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
else
  taken = redis.call('SET', KEYS[1], '1', 'PX', ARGV[1], 'XX')
end
if not taken then return 0 end
redis.call('PEXPIRE', KEYS[2], ${KEEP_MS})
return 1`,
);

/** Keys: lease and topics of a process. Notes topics in which it has, or will have, members. Replies 0 if the lease is lost. */
export const ENTER_TOPICS = new LuaScript(
  'enter topics',
  `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('SADD', KEYS[2], unpack(ARGV))
redis.call('PEXPIRE', KEYS[2], ${KEEP_MS})
return 1`,
);
