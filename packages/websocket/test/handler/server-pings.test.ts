import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { WebSocketHandler, type WebSocketOptions } from '../../src/index.ts';
import { encodePong } from '../../src/protocol/index.ts';
import { MASK, RawClient } from '../fixtures/raw-client.ts';
import { until, withApp } from '../fixtures/running-application.ts';

/** A handler on a virtual clock, with further options. */
function pinged(options: WebSocketOptions = {}) {
  const clock = new VirtualClock();
  const handlers: WebSocketHandler[] = [];
  class Pinged extends WebSocketHandler {
    override connectionOptions(): WebSocketOptions {
      return { clock, ...options };
    }
    override onOpen(): void {
      handlers.push(this);
    }
    override onMessage(): void {}
  }
  return { clock, handlers, Pinged };
}

describe('WebSocketHandler, pinging', () => {
  it('pings every 30 s by default, and gives up a silent peer 30 s after a ping [WS-16]', async () => {
    const { clock, handlers, Pinged } = pinged();
    await withApp([['/', Pinged]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      await until(() => handlers.length === 1);
      await clock.advance(29_000);
      expect(client.frames).toEqual([]);
      await clock.advance(2_000);
      expect(await client.frame()).toBe('ping');
      client.send(encodePong('', MASK));
      await until(() => handlers[0]?.isOpen === true);
      await clock.advance(28_000);
      await clock.advance(2_000);
      expect(await client.frame(2)).toBe('ping');
      await clock.advance(31_000);
      expect((await client.untilEnd()).at(-1)).toBe('close 1011 ping timed out');
      await until(() => handlers[0]?.closeCode === 1006);
      expect(handlers[0]?.closeError).toMatchObject({ code: 'ERR_WEBSOCKET_PING_TIMEOUT' });
      expect(log.problems).toEqual([]);
    });
  });

  it.each<[string, WebSocketOptions, number, number]>([
    ['an interval of its own', { pingIntervalMs: 5_000 }, 5_500, 1],
    ['undefined, which is the default', { pingIntervalMs: undefined as unknown as number }, 30_500, 1],
    ['other options', { maxMessageBytes: 1024 }, 30_500, 1],
    ['an interval of 0, which turns pings off', { pingIntervalMs: 0 }, 3_600_000, 0],
  ])('takes %s from connectionOptions [WS-04] [WS-16]', async (_what, options, ms, pings) => {
    const { clock, handlers, Pinged } = pinged(options);
    await withApp([['/', Pinged]], async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => handlers.length === 1);
      await clock.advance(ms);
      void handlers[0]?.writeMessage('end');
      await client.until(() => client.frames.includes('text end'));
      expect(client.frames.filter((frame) => frame === 'ping')).toHaveLength(pings);
      client.socket.destroy();
    });
  });

  it('leaves no timer behind [WS-16]', async () => {
    const { clock, handlers, Pinged } = pinged();
    await withApp([['/', Pinged]], async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => clock.pending === 1);
      client.socket.resetAndDestroy();
      await until(() => handlers[0]?.closeCode === 1006);
      expect(clock.pending).toBe(0);
    });
  });
});
