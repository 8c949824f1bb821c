import { VirtualClock } from '@landspout/ioloop/testing';
import type {
  Following,
  LogFollower,
  LogName,
  PresenceSettings,
  RunClaim,
  RunSettings,
  TopicMember,
} from '@landspout/topics';
import { openLink } from '../../src/backplane/open-link.ts';
import type { RedisLink, RedisReply } from '../../src/connection/redis-link.ts';
import { RedisBackplane, type RedisBackplaneSettings, type RedisLinkSettings } from '../../src/index.ts';
import { BackplaneProcess } from './backplane-process.ts';
import { type FaultProxy, startProxy } from './fault-proxy.ts';
import { RedisClock } from './redis-clock.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from './redis-server.ts';
import { atTheEnd, until } from './scratch.ts';
import { outcomesOf, SILENT } from './test-link.ts';

export const PRESENCE: PresenceSettings = { maxMembers: 100, leaveDelayMs: 5_000 };

export const RUN: RunSettings = {
  maxRecords: 10_000,
  maxBytes: 2 ** 24,
  leaseMs: 15_000,
  ttlMs: 600_000,
  maxDurationMs: 3_600_000,
};

export const runLog = (name: string): LogName => ({ kind: 'run', name });
export const topicLog = (name: string): LogName => ({ kind: 'topic', name });

/** A backplane whose connections a test can disturb. */
export interface ProxiedBackplane {
  readonly backplane: RedisBackplane;
  readonly proxy: FaultProxy;
}

/** The longest step of the clocks: what is due happens in the order of time. */
const STEP_MS = 500;
/** How many replies of Redis the calls of one step may wait for, one after another. */
const ROUND_TRIPS = 10;

/** Options of a backplane on the server of the trial. `url`: another way to it. */
type TrialOptions = RedisLinkSettings & RedisBackplaneSettings & { readonly url?: string };

/** A server, and backplanes over it, whose clocks stand still until the test advances them. */
export class RedisTrial {
  readonly redis: RedisServer;
  readonly redisClock: RedisClock;
  /** That of the backplanes in this process. */
  readonly clock: VirtualClock;
  /** Another connection to the server. */
  readonly link: RedisLink;

  private constructor(redis: RedisServer, redisClock: RedisClock, link: RedisLink) {
    this.redis = redis;
    this.redisClock = redisClock;
    this.clock = new VirtualClock(redisClock.nowMs);
    this.link = link;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisTrial> {
    const redisClock = new RedisClock();
    const redis = await startRedis({ ...options, env: redisClock.env });
    const link = await openLink({ url: redis.url, logger: SILENT });
    atTheEnd(() => link.close());
    return new RedisTrial(redis, redisClock, link);
  }

  /** Opens a backplane in this process. It is closed at the end of the test. */
  async open(options: TrialOptions = {}): Promise<RedisBackplane> {
    const { clock, redis } = this;
    const backplane = await RedisBackplane.connect({ url: redis.url, clock, logger: SILENT, ...options });
    atTheEnd(() => backplane.close());
    return backplane;
  }

  /** Opens a backplane behind a proxy. It does not give up a connection that is silent. */
  async openProxied(options: TrialOptions = {}): Promise<ProxiedBackplane> {
    const proxy = await startProxy(this.redis);
    const backplane = await this.open({ url: proxy.url, pingTimeoutMs: 3_600_000, ...options });
    return { backplane, proxy };
  }

  /** Starts a process with a backplane. Its clock is that of the system. */
  startProcess(options: TrialOptions = {}): Promise<BackplaneProcess> {
    return BackplaneProcess.start({ url: this.redis.url, ...options });
  }

  /** Advances the clocks, and waits for the replies of Redis to what is due in this process. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      const step = Math.min(left, STEP_MS);
      this.redisClock.advance(step);
      await this.clock.advance(step);
      for (let trip = 0; trip < ROUND_TRIPS; trip += 1) await this.link.send('x', ['PING']);
    }
  }

  /**
   * Lets a call take effect, and cuts the connection before its reply. Resolves when there is a connection again.
   *
   * @param sent - a text that is sent with what takes effect, and not before.
   * @param call - of the backplane behind the proxy.
   * @param hasEffect - whether Redis has done what it was called for.
   * @returns the error that the call has rejected with, or `done`.
   */
  async loseReply(
    { backplane, proxy }: ProxiedBackplane,
    sent: string,
    call: () => Promise<unknown>,
    hasEffect: () => Promise<boolean>,
  ): Promise<unknown> {
    void proxy.seen(sent).then(() => proxy.halt('toClient'));
    const outcome = call().then(
      () => 'done',
      (error: unknown) => error,
    );
    await until('the call has taken effect', hasEffect);
    proxy.cut();
    proxy.pass();
    await until('the connection is back', async () => {
      await this.advance(100);
      const [code] = await outcomesOf([backplane.runInfo('no run')]);
      return code === 'ERR_RUN_NOT_FOUND';
    });
    return outcome;
  }

  /** A field of what Redis knows of a run; undefined if there is none. */
  async runField(id: string, name: string): Promise<string | undefined> {
    const value = await this.link.send('x', ['HGET', `landspout:{r:${id}}:meta`, name]);
    return value === null ? undefined : String(value);
  }

  /**
   * Copies all keys whose names have a part.
   *
   * @returns a function that sets them back, as a failover to a replica does that lacks what was written since.
   */
  async copyKeys(part: string): Promise<() => Promise<void>> {
    const named = async () => (await this.keys()).filter((key) => key.includes(part));
    const copies = new Map<string, { readonly value: RedisReply; readonly ttlMs: number }>();
    for (const key of await named()) {
      const value = await this.link.send('x', ['DUMP', key]);
      copies.set(key, { value, ttlMs: Number(await this.link.send('x', ['PTTL', key])) });
    }
    return async () => {
      for (const key of await named()) await this.link.send('x', ['DEL', key]);
      for (const [key, { value, ttlMs }] of copies) {
        await this.link.send('x', ['RESTORE', key, String(Math.max(ttlMs, 0)), value as Buffer]);
      }
    };
  }

  /** Number of scripts that Redis has run. */
  async scriptsRun(): Promise<number> {
    const stats = String(await this.link.send('x', ['INFO', 'commandstats']));
    const counts = [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** The names of all keys, in their order. */
  async keys(): Promise<string[]> {
    const names = (await this.link.send('x', ['KEYS', '*'])) as readonly Buffer[];
    return names.map(String).sort();
  }
}

/** The members of a topic, as a follower that asks for presence knows them. */
export class WatchedMembers implements LogFollower {
  /** What it was notified of, such as `joined ada`, `left ada` and `all ada,bob`. */
  readonly notes: string[] = [];
  readonly #present = new Map<string, TopicMember>();
  #following: Following | undefined;

  static async of(backplane: RedisBackplane, topic: string): Promise<WatchedMembers> {
    const watched = new WatchedMembers();
    const following = await backplane.follow(topicLog(topic), watched, { presence: true });
    watched.#following = following;
    for (const member of following.members) watched.#present.set(member.member, member);
    return watched;
  }

  /** The names, in their order. */
  get present(): string[] {
    return [...this.#present.keys()].sort();
  }

  presence(change: Parameters<NonNullable<LogFollower['presence']>>[0]): void {
    if ('members' in change) {
      this.#present.clear();
      for (const member of change.members) this.#present.set(member.member, member);
      this.notes.push(`all ${this.present}`);
    } else if ('joined' in change) {
      this.#present.set(change.joined.member, change.joined);
      this.notes.push(`joined ${change.joined.member}`);
    } else {
      this.#present.delete(change.left);
      this.notes.push(`left ${change.left}`);
    }
  }

  record(): void {}
  gap(): void {}
  ended(): void {}

  close(): void {
    this.#following?.close();
  }
}

/** Claims a run that must be free. */
export async function claim(
  backplane: RedisBackplane,
  id: string,
  settings: Partial<RunSettings> = {},
): Promise<RunClaim> {
  const owner = 'ada';
  const claimed = await backplane.claimRun({
    id,
    owner,
    input: undefined,
    settings: { ...RUN, ...settings },
  });
  if (claimed.token === undefined) throw new Error(`the run ${id} is taken`);
  return claimed;
}

/** Reads all records of a run. */
export async function recordsOf(backplane: RedisBackplane, id: string): Promise<unknown[]> {
  const page = await backplane.read(runLog(id), { start: true }, { maxRecords: 1e6, maxBytes: 2 ** 30 });
  return page.records.map(({ data }) => data);
}
