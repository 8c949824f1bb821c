import { createHash } from 'node:crypto';

/** A script that Redis runs as one step. */
export class LuaScript {
  readonly name: string;
  readonly source: string;
  /** SHA-1 of the source, in hexadecimal digits, as EVALSHA expects it. */
  readonly sha1: string;

  /** @param name - for messages. */
  constructor(name: string, source: string) {
    this.name = name;
    this.source = source;
    this.sha1 = createHash('sha1').update(source).digest('hex');
  }
}

/** Lua: functions that return the time of Redis, for all that is compared between processes. */
export const TIME_SNIPPET = `
local function nowMicros()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function nowMs()
  return math.floor(nowMicros() / 1000)
end
`;
