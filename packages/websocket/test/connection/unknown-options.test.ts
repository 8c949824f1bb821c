import { describe, expect, it } from 'vitest';
import { resolveWebSocketOptions } from '../../src/connection/index.ts';
import { websocketConnect } from '../../src/index.ts';
import { FrameDecoder } from '../../src/protocol/index.ts';

const url = 'ws://127.0.0.1:1/';

/** Every place of this package that takes options without a connection. */
const DOORS: Readonly<Record<string, (options: object) => unknown>> = {
  resolveWebSocketOptions: (options) => resolveWebSocketOptions(options),
  websocketConnect: (options) => websocketConnect(url, options),
  FrameDecoder: (options) => new FrameDecoder({ role: 'server', ...options }),
};

describe('options that are not known', () => {
  it.each(Object.keys(DOORS))('are refused by name by %s', async (door) => {
    const open = async (): Promise<unknown> => DOORS[door]?.({ zzz: 1 });
    await expect(open()).rejects.toThrow(/^\w+: unknown option "zzz"/);
    await expect(open()).rejects.toHaveProperty('code', 'ERR_WEBSOCKET_BAD_OPTION');
  });

  it.each([
    ['pingInterval', 'pingIntervalMs'],
    ['max_message_bytes', 'maxMessageBytes'],
    ['subprotocol', 'subprotocols'],
  ])('come with the name that was probably meant: %s', async (name, meant) => {
    await expect(websocketConnect(url, { [name]: 1 })).rejects.toThrow(`did you mean "${meant}"?`);
  });

  it('name what came in place of a number', async () => {
    const wrong = { pingIntervalMs: '5' as unknown as number };
    await expect(websocketConnect(url, wrong)).rejects.toThrow('not "5" (a string)');
  });
});
