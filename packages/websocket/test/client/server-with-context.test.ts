import { describe, expect, it } from 'vitest';
import { CompressionPool, websocketConnect } from '../../src/index.ts';
import { withDeflateServer } from '../fixtures/deflate-peer.ts';

/** What a server of Tornado responds, which does not read parameters without a value. */
const response = 'permessage-deflate';
/** Enough for the window of 32 KiB of one connection. */
const maxContextBytes = 40 * 1024;

describe('websocketConnect, with a server that keeps its context although the client forbids it', () => {
  it('receives messages that refer to earlier ones, and compresses its own alone [WS-17] [WS-20]', () =>
    withDeflateServer(
      () => response,
      async (url, nextPeer) => {
        const compression = { thresholdBytes: 0, pool: new CompressionPool({ maxContextBytes }) };
        const client = await websocketConnect(url, { compression });
        const peer = await nextPeer();
        expect(peer.extensions).toContain('server_no_context_takeover');
        const text = JSON.stringify({ type: 'price', symbol: 'LSPT', values: [1, 22, 333] });
        const sizes: number[] = [];
        for (let i = 0; i < 3; i += 1) {
          peer.send(Buffer.from(text), { isText: true });
          expect(await client.readMessage()).toBe(text);
          await client.writeMessage(text);
          const { data, wireBytes } = await peer.message();
          expect(data.toString()).toBe(text);
          sizes.push(wireBytes);
        }
        expect(new Set(sizes).size).toBe(1);
        client.close();
        await client.waitClosed();
      },
    ));

  it('refuses it while the pool has no memory for the context [WS-17] [WS-20]', () =>
    withDeflateServer(
      () => response,
      async (url) => {
        const compression = { pool: new CompressionPool({ maxContextBytes }) };
        const first = await websocketConnect(url, { compression });
        await expect(websocketConnect(url, { compression })).rejects.toMatchObject({
          code: 'ERR_WEBSOCKET_BAD_EXTENSION',
          status: 101,
          message: expect.stringContaining('maxContextBytes'),
        });
        first.abort();
        await first.waitClosed();
        const second = await websocketConnect(url, { compression });
        second.abort();
        await second.waitClosed();
      },
    ));
});
