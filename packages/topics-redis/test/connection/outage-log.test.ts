import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { startProxy } from '../support/fault-proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/scratch.ts';
import { openTestLink, SILENT } from '../support/test-link.ts';

const LOST = 'the connection to Redis is lost';
const UNREACHABLE = 'Redis cannot be reached';
const CONNECTED = 'Redis is connected again';

/** A link through a proxy, and what it logs, as it grows. */
async function startTrial() {
  const lines: { readonly message: string; readonly details: object }[] = [];
  const add = (details: object, message: string) => void lines.push({ message, details });
  const logger = { ...SILENT, info: add, warn: add };
  const proxy = await startProxy(await startRedis());
  const clock = new VirtualClock();
  const pingIntervalMs = 3_600_000; // no test moves the clock that far
  const link = await openTestLink({ url: proxy.url, clock, logger, pingIntervalMs });
  const isConnected = async () => {
    await clock.advance(100);
    return link.isConnected && (await link.send('{a}', ['PING'])) !== null;
  };
  const reconnected = () => until('both connections are made anew', isConnected);
  return { proxy, clock, link, lines, messages: () => lines.map(({ message }) => message), reconnected };
}

describe('the log of a link', () => {
  it('has one message for the loss of both connections, and one for their return, at once', async () => {
    const { proxy, clock, link, messages, reconnected } = await startTrial();
    proxy.cut();
    await until('the loss is noticed', () => !link.isConnected);
    await reconnected();
    expect(messages()).toEqual([LOST, CONNECTED]);
    await clock.advance(120_000);
    await link.close();
    expect(messages()).toEqual([LOST, CONNECTED]);
  });

  it('says once in a while that Redis cannot be reached, and nothing of it afterwards', async () => {
    const { proxy, clock, link, lines, messages, reconnected } = await startTrial();
    await proxy.refuse();
    proxy.cut();
    await until('attempts have failed', async () => {
      await clock.advance(100);
      return messages().length === 2;
    });
    expect(messages()).toEqual([LOST, UNREACHABLE]);
    await until('it is said again', async () => {
      await clock.advance(1000);
      return messages().length === 3;
    });
    expect(lines[2]).toMatchObject({ message: UNREACHABLE, details: { error: { code: 'ECONNREFUSED' } } });
    await proxy.accept();
    await reconnected();
    await link.close();
    expect(messages()).toEqual([LOST, UNREACHABLE, UNREACHABLE, CONNECTED]);
  });

  it('has a limit for a connection that is lost again and again', async () => {
    const { proxy, clock, link, lines, messages, reconnected } = await startTrial();
    for (let count = 0; count < 12; count += 1) {
      proxy.cut();
      await until('the loss is noticed', () => !link.isConnected);
      await reconnected();
    }
    const logged = messages().filter((message) => message === LOST).length;
    expect([logged, messages().at(-1)]).toEqual([10, CONNECTED]);
    await clock.advance(60_000);
    await reconnected();
    proxy.cut();
    await until('the loss is noticed', () => !link.isConnected);
    expect(lines.at(-1)).toMatchObject({ message: LOST, details: { unlogged: 2 } });
  });
});
