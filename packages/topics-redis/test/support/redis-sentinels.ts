import { type RedisServer, startRedis } from './redis-server.ts';
import { until } from './scratch.ts';

/** A primary with one replica, and three sentinels, two of which decide. */
export interface RedisSentinels {
  /** Name of the primary, as the sentinels know it. */
  readonly name: string;
  /** Where the sentinels are. */
  readonly rootNodes: readonly { readonly host: string; readonly port: number }[];
  /** The two servers; the first was the primary at first. */
  readonly servers: readonly [RedisServer, RedisServer];
  readonly sentinels: readonly RedisServer[];
  /** Returns the server that the sentinels consider the primary. */
  primary(): Promise<RedisServer>;
  /** Makes the replica the primary; resolves when it is, and the old primary is its replica. */
  failover(): Promise<void>;
}

export interface RedisSentinelsOptions {
  /** After which silence a server counts as down, in milliseconds. Default: 1000. */
  readonly downAfterMs?: number;
  /** More lines of the configuration of the two servers. */
  readonly config?: readonly string[];
}

const NAME = 'landspout';
const SENTINELS = 3;

/** Starts them; resolves when all sentinels know each other and the replica. They end as {@link startRedis} says. */
export async function startSentinels({ downAfterMs = 1000, config = [] }: RedisSentinelsOptions = {}) {
  // The replica says at once what its primary is, and the primary does not wait for a second replica to transfer to.
  const common = [...config, 'repl-diskless-sync-delay 0', 'repl-ping-replica-period 1'];
  const first = await startRedis({ config: common });
  const second = await startRedis({ config: [...common, `replicaof 127.0.0.1 ${first.port}`] });
  await until('the replica is connected', async () => {
    return (await second.command('INFO', 'replication')).includes('master_link_status:up');
  });
  const monitor = [
    `sentinel monitor ${NAME} 127.0.0.1 ${first.port} 2`,
    `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
    `sentinel failover-timeout ${NAME} 6000`,
  ];
  const sentinels: RedisServer[] = [];
  for (let count = 0; count < SENTINELS; count += 1) {
    sentinels.push(await startRedis({ sentinel: true, config: monitor }));
  }
  const trial = sentinelsOf([first, second], sentinels);
  await until('the sentinels know each other and the replica', () => isComplete(sentinels));
  return trial;
}

function sentinelsOf(servers: readonly [RedisServer, RedisServer], sentinels: readonly RedisServer[]) {
  const primaryAt = async (sentinel: RedisServer): Promise<RedisServer> => {
    const reply = await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME);
    const port = Number(reply.split('\n')[1]);
    const found = servers.find((server) => server.port === port);
    if (found === undefined) throw new Error(`a sentinel knows an unknown primary: ${reply}`);
    return found;
  };
  const trial: RedisSentinels = {
    name: NAME,
    rootNodes: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
    servers,
    sentinels,
    primary: () => primaryAt(runningOf(sentinels)),
    async failover() {
      const before = await trial.primary();
      const [next] = servers.filter((server) => server !== before);
      await until('a failover begins', async () => {
        return (await runningOf(sentinels).command('SENTINEL', 'FAILOVER', NAME)) === 'OK';
      });
      await until('all sentinels know the new primary', async () => {
        for (const sentinel of sentinels) {
          if (sentinel.isRunning && (await primaryAt(sentinel)) !== next) return false;
        }
        return (await before.command('ROLE')).startsWith('slave');
      });
    },
  };
  return trial;
}

function runningOf(sentinels: readonly RedisServer[]): RedisServer {
  const running = sentinels.find((sentinel) => sentinel.isRunning);
  if (running === undefined) throw new Error('no sentinel runs');
  return running;
}

async function isComplete(sentinels: readonly RedisServer[]): Promise<boolean> {
  for (const sentinel of sentinels) {
    const [, ...lines] = (await sentinel.command('SENTINEL', 'MASTER', NAME)).split('\n');
    const value = (field: string) => lines[lines.indexOf(field) + 1];
    if (value('num-other-sentinels') !== String(SENTINELS - 1) || value('num-slaves') !== '1') return false;
    const replicas = await sentinel.command('SENTINEL', 'REPLICAS', NAME);
    if (!/\nmaster-link-status\nok\n/.test(`\n${replicas}\n`)) return false;
    if (!(await sentinel.command('SENTINEL', 'CKQUORUM', NAME)).startsWith('OK')) return false;
  }
  return true;
}
