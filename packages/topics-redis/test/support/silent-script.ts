import type { LuaScript } from '../../src/connection/lua-script.ts';
import type { RedisServer } from './redis-server.ts';

/** Replaces PUBLISH: what the script announces is lost. */
const SILENCE = `
local call = redis.call
local redis = {
  sha1hex = redis.sha1hex,
  call = function(command, ...)
    if command == 'PUBLISH' then return 0 end
    return call(command, ...)
  end,
}
`;

/** Runs a script of the package whose announcements are lost. Another process could have run it. */
export async function runSilently(
  redis: RedisServer,
  script: LuaScript,
  keys: readonly string[],
  args: readonly string[],
): Promise<void> {
  const body = script.source.replace(/^#!.*\n/, '');
  await redis.command('EVAL', SILENCE + body, String(keys.length), ...keys, ...args);
}
