import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { LuaScript, TIME_SNIPPET } from '../connection/lua-script.ts';
import type { RedisLink, RedisReply } from '../connection/redis-link.ts';
import { listOf, textOf } from './replies.ts';

/**
 * Counts a revocation, and gives it a stamp: microseconds, higher than all before, also if a failover has lost the latest.
 *
 * KEYS: a hash. Reply: {number, stamp}.
 */
const COUNT = new LuaScript(
  'count-revocation',
  `#!lua flags=allow-oom
${TIME_SNIPPET}
local stamp = math.max(nowMicros(), tonumber(redis.call('HGET', KEYS[1], 'at') or 0) + 1)
redis.call('HSET', KEYS[1], 'at', string.format('%.0f', stamp))
return { redis.call('HINCRBY', KEYS[1], 'n', 1), string.format('%.0f', stamp) }
`,
);

/** The number of revocations of all topics that this process knows of. */
export class RevocationCount {
  readonly #link: RedisLink;
  readonly #key: string;
  #count = 0;
  /** The number and the stamp of the latest that is known. */
  #latest: { number: number; stamp: number } | undefined;
  /** A call that is not sent yet. */
  #next: Promise<void> | undefined;

  constructor(link: RedisLink, prefix: string) {
    this.#link = link;
    this.#key = `${prefix}:{revocations}`;
  }

  get count(): number {
    return this.#count;
  }

  /** Counts one, before it is announced. @returns its stamp. @throws BackplaneError. */
  async add(): Promise<number> {
    const [number, stamp] = numbersOf(await this.#link.run(COUNT, [this.#key], []));
    this.#note(number, stamp);
    return stamp;
  }

  /** Learns of all revocations before the call. Calls of one turn are one command. @throws BackplaneError. */
  refresh(): Promise<void> {
    this.#next ??= Promise.resolve().then(async () => {
      this.#next = undefined;
      const [number, stamp] = numbersOf(await this.#link.send(this.#key, ['HMGET', this.#key, 'n', 'at']));
      this.#note(number, stamp);
    });
    return this.#next;
  }

  /** Called with the stamp of one that was announced. */
  heard(stamp: number): void {
    if (stamp > (this.#latest?.stamp ?? 0)) this.#note((this.#latest?.number ?? 0) + 1, stamp);
  }

  [INSPECT](): object {
    return inspection(this, ['count']);
  }

  #note(number: number, stamp: number): void {
    // What there was before this process began is not counted.
    const { number: before, stamp: latest } = this.#latest ?? { number, stamp };
    if (stamp > latest) this.#count += Math.max(1, number - before);
    if (this.#latest === undefined || stamp > latest) this.#latest = { number, stamp };
  }
}

function numbersOf(reply: RedisReply): readonly [number: number, stamp: number] {
  const [number, stamp] = listOf(reply);
  return [Number(textOf(number)), Number(textOf(stamp))];
}
