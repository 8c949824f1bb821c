import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { Heartbeat } from '../../src/connection/heartbeat.ts';
import { ServerConnection } from '../../src/connection/server-connection.ts';
import { WireCommand } from '../../src/connection/wire-command.ts';
import { startProxy } from '../support/fault-proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { atTheEnd } from '../support/scratch.ts';

/** A connection through a proxy, with a heartbeat. */
async function startTrial() {
  const redis = await startRedis();
  const proxy = await startProxy(redis);
  const clock = new VirtualClock();
  const { signal } = new AbortController();
  const server = { url: proxy.url };
  const connection = await ServerConnection.connect({ server, connectTimeoutMs: 5000, clock, signal });
  const heartbeat = new Heartbeat(connection, { pingIntervalMs: 5000, pingTimeoutMs: 3000, clock });
  atTheEnd(() => {
    heartbeat.stop();
    connection.end(new Error('done'));
    expect(clock.pending).toBe(0);
  });
  return { redis, proxy, clock, connection };
}

describe('Heartbeat', () => {
  it('sends a ping after each interval', async () => {
    const { proxy, clock, connection } = await startTrial();
    for (let count = 1; count <= 3; count += 1) {
      const [ping, pong] = [proxy.seen('PING'), proxy.seen('PONG', 'toClient')];
      const { received } = connection;
      await clock.advance(4999);
      expect(connection.received).toBe(received);
      await clock.advance(1);
      await Promise.all([ping, pong]);
      await expect.poll(() => connection.received).toBe(received + 1);
    }
    expect(connection.ended).toBeUndefined();
  });

  it('takes an error for a reply, as from a server that runs a long script', async () => {
    const { redis, proxy, clock, connection } = await startTrial();
    await redis.command('ACL', 'SETUSER', 'default', '-ping');
    for (let count = 1; count <= 3; count += 1) {
      const [ping, refusal] = [proxy.seen('PING'), proxy.seen('NOPERM', 'toClient')];
      const { received } = connection;
      await clock.advance(5000);
      await Promise.all([ping, refusal]);
      await expect.poll(() => connection.received).toBe(received + 1);
    }
    expect(connection.ended).toBeUndefined();
  });

  it('waits for the reply while others come, and then ends the connection', async () => {
    const { proxy, clock, connection } = await startTrial();
    proxy.halt('toClient');
    const calls = [1, 2, 3].map(() => connection.send(new WireCommand(['SET', 'a', '1'])));
    await clock.advance(5000);
    for (const call of calls) {
      proxy.passBytes('+OK\r\n'.length);
      await call;
      await clock.advance(3000);
      expect(connection.ended).toBeUndefined();
    }
    await clock.advance(2999);
    expect(connection.ended).toBeUndefined();
    await clock.advance(1);
    expect(connection.ended).toMatchObject({ message: 'no reply to PING within 3000 ms' });
    expect(proxy.connections).toBeLessThanOrEqual(1);
    await expect.poll(() => proxy.connections).toBe(0);
  });
});
