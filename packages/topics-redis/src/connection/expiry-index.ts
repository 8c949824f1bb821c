import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { LuaScript, TIME_SNIPPET } from './lua-script.ts';
import type { RedisLink } from './redis-link.ts';

/** Of scripts that must work although the memory is full, so that what has expired is found. */
const ALLOW_OOM = '#!lua flags=allow-oom';

/** The time of Redis in milliseconds, in `now`. The clocks of the nodes of a cluster may differ. */
const NOW = `${TIME_SNIPPET}
local now = nowMs()
local function at(delayMs) return string.format('%.0f', now + tonumber(delayMs)) end
`;

const ADD = new LuaScript(
  'index add',
  `${NOW}
local most = tonumber(ARGV[3])
if redis.call('ZCARD', KEYS[1]) >= most and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], at(ARGV[2]), ARGV[1])
return 1`,
);

const PUT = new LuaScript(
  'index put',
  `${ALLOW_OOM}${NOW}
redis.call('ZADD', KEYS[1], at(ARGV[2]), ARGV[1])
return 1`,
);

const ADD_MISSING = new LuaScript(
  'index add missing',
  `${ALLOW_OOM}${NOW}
for each = 2, #ARGV do redis.call('ZADD', KEYS[1], 'NX', at(ARGV[1]), ARGV[each]) end
return 1`,
);

const MOVE = new LuaScript(
  'index move',
  `${ALLOW_OOM}${NOW}
redis.call('ZADD', KEYS[1], 'XX', at(ARGV[2]), ARGV[1])
return 1`,
);

const TAKE = new LuaScript(
  'index take',
  `${ALLOW_OOM}${NOW}
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', at(0), 'LIMIT', 0, 1)
if not due[1] then return false end
redis.call('ZADD', KEYS[1], at(ARGV[1]), due[1])
return due[1]`,
);

/**
 * A sorted set of what may have expired, by the time at which to look at it. It is one key, so in a cluster it is on
 * another node than most of what it lists, and may be behind: an entry is added before the thing is made and removed
 * after it is gone, and only the thing itself says whether it has expired.
 */
export class ExpiryIndex {
  readonly #link: RedisLink;
  readonly #key: string;

  constructor(link: RedisLink, key: string) {
    this.#link = link;
    this.#key = key;
  }

  /**
   * Adds an entry, or moves it. Not while the memory of Redis is full.
   *
   * @param delayMs - when to look at it, from now on by the clock of Redis.
   * @param most - most entries.
   * @returns false if there are too many.
   * @throws BackplaneError
   */
  async add(entry: string, delayMs: number, most: number): Promise<boolean> {
    const reply = await this.#link.run(ADD, [this.#key], [entry, String(delayMs), String(most)]);
    return reply === 1;
  }

  /** Adds an entry, or moves it, in any case. @throws BackplaneError */
  async put(entry: string, delayMs: number): Promise<void> {
    await this.#link.run(PUT, [this.#key], [entry, String(delayMs)]);
  }

  /** Adds those that are not there, because the node of the index has lost its memory. @throws BackplaneError */
  async addMissing(entries: readonly string[], delayMs: number): Promise<void> {
    await this.#link.run(ADD_MISSING, [this.#key], [String(delayMs), ...entries]);
  }

  /** Moves an entry if it is there. @throws BackplaneError */
  async move(entry: string, delayMs: number): Promise<void> {
    await this.#link.run(MOVE, [this.#key], [entry, String(delayMs)]);
  }

  /** @throws BackplaneError */
  async remove(entry: string): Promise<void> {
    await this.#link.send(this.#key, ['ZREM', this.#key, entry]);
  }

  /**
   * Returns an entry whose time has come, and hides it from other processes meanwhile.
   *
   * @param holdMs - how long: afterwards another process finds it, if this one has ended.
   * @throws BackplaneError
   */
  async take(holdMs: number): Promise<string | undefined> {
    const reply = await this.#link.run(TAKE, [this.#key], [String(holdMs)]);
    return Buffer.isBuffer(reply) ? reply.toString() : undefined;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ key: this.#key }));
  }
}
