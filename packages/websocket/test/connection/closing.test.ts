import { beforeEach, describe, expect, it } from 'vitest';
import { PreparedMessage, WebSocketClosedError, WebSocketTimeoutError } from '../../src/index.ts';
import { encodeClose, encodeMessage, encodePing } from '../../src/protocol/index.ts';
import { MASK, RawClient } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { openDescriptors, type Running, until, withApp } from '../fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

const served = (use: (running: Running) => Promise<void>, handler = RecordingHandler) =>
  withApp([['/', handler]], use);

class Impatient extends RecordingHandler {
  override connectionOptions() {
    return { closeTimeoutMs: 50 };
  }
}

describe('WebSocketHandler, closing', () => {
  it('echoes the code of the peer and ends TCP first [WS-15]', () =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(encodeClose(4001, 'done', MASK));
      await client.until(() => client.ended);
      expect(client.frames).toEqual(['close 4001']);
      client.socket.destroy();
      const handler = RecordingHandler.only;
      await until(() => handler.closes > 0);
      expect([handler.closeCode, handler.closeReason, handler.closeError]).toEqual([4001, 'done', undefined]);
      expect(handler.calls).toEqual(['open', 'close']);
    }));

  it('answers an empty close frame with an empty one, and reports 1005 [WS-15]', () =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(encodeClose(undefined, '', MASK));
      expect(await client.untilEnd()).toEqual(['close 1005']);
      const handler = RecordingHandler.only;
      await until(() => handler.closes > 0);
      expect(handler.closeCode).toBe(1005);
    }));

  it('ignores what follows a close frame [WS-15]', () =>
    served(async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(
        Buffer.concat([encodeClose(1000, '', MASK), encodeMessage('late', MASK), encodeMessage('unmasked')]),
      );
      client.send(encodePing('late', MASK));
      expect(await client.untilEnd()).toEqual(['close 1000']);
      await until(() => RecordingHandler.only.closes > 0);
      expect(RecordingHandler.only.calls).toEqual(['open', 'close']);
      expect(log.problems).toEqual([]);
    }));

  it.each<[string, [code?: number | undefined, reason?: string], string]>([
    ['nothing', [], 'close 1005'],
    ['a code', [4000], 'close 4000'],
    ['a code and a reason', [1001, 'moving'], 'close 1001 moving'],
    ['a reason alone', [undefined, 'enough'], 'close 1000 enough'],
  ])('sends %s, and reports what the peer answers [WS-04, WS-15]', (_what, args, frame) =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      const handler = RecordingHandler.only;
      handler.close(...args);
      handler.close(4999, 'a second close does nothing');
      expect(handler.isOpen).toBe(false);
      expect(await client.frame()).toBe(frame);
      // Discarded, as in browsers, because our side has started to close.
      client.send(encodeMessage('late', MASK), encodePing('late', MASK), encodeClose(3000, 'echo', MASK));
      expect(await client.untilEnd()).toHaveLength(1);
      await until(() => handler.closes > 0);
      expect(handler.calls).toEqual(['open', 'close']);
      expect([handler.closeCode, handler.closeReason]).toEqual([3000, 'echo']);
    }),
  );

  it.each([999, 1005, 1006, 1015, 2999, 5000])('refuses to send the close code %i [WS-15, ATT-66]', (code) =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      const handler = RecordingHandler.only;
      const thrown = expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_CLOSE' });
      expect(() => handler.close(code)).toThrow(thrown);
      expect(() => handler.close(1000, 'x'.repeat(124))).toThrow(thrown);
      expect(handler.isOpen).toBe(true);
      client.socket.destroy();
    }),
  );

  it('sends what was written before it closes [WS-04]', () =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      for (let i = 0; i < 100; i += 1) void RecordingHandler.only.writeMessage(new Uint8Array(10_000));
      RecordingHandler.only.close(1000);
      expect(await client.frame(101)).toBe('close 1000');
      client.socket.destroy();
    }));

  it('cuts a peer that does not answer the close frame in time [WS-15]', () =>
    served(async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      const handler = RecordingHandler.only;
      handler.close(1000);
      await until(() => handler.closes > 0);
      expect([handler.closeCode, handler.closes]).toEqual([1006, 1]);
      expect(handler.closeError).toBeInstanceOf(WebSocketTimeoutError);
      client.socket.destroy();
    }, Impatient));

  it.each<[string, (client: RawClient) => void]>([
    ['a reset', (client) => client.socket.resetAndDestroy()],
    ['an end without a close frame', (client) => client.socket.end()],
    ['an end inside a frame', (client) => client.socket.end(Buffer.of(0x81, 0xfe))],
    ['a closed socket', (client) => client.socket.destroy()],
  ])('reports 1006, once, after %s [WS-15, ATT-76]', (_what, leave) =>
    served(async ({ port, log }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      const handler = RecordingHandler.only;
      const { signal } = handler;
      leave(client);
      await until(() => handler.closes > 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(handler.calls).toEqual(['open', 'close']);
      expect([handler.closeCode, handler.closeReason, handler.isOpen]).toEqual([1006, '', false]);
      expect(signal.aborted).toBe(true);
      expect(log.problems).toEqual([]);
      client.socket.destroy();
    }),
  );

  it('rejects writes to a connection that is gone, which need not be handled [WS-04, ATT-76]', () =>
    served(async ({ port, log }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      const handler = RecordingHandler.only;
      client.socket.resetAndDestroy();
      await until(() => handler.closes > 0);
      void handler.writeMessage('ignored');
      void handler.ping();
      handler.close();
      handler.abort();
      expect(handler.sendMessage(new PreparedMessage('x'))).toBe(false);
      await expect(handler.writeMessage('x')).rejects.toBeInstanceOf(WebSocketClosedError);
      await expect(handler.ping('x')).rejects.toMatchObject({ code: 'ERR_WEBSOCKET_CLOSED' });
      expect(log.problems).toEqual([]);
    }));

  it('ends open connections with closeAll, and leaves no descriptor behind [WS-03, ATT-73]', async () => {
    const before = openDescriptors();
    for (let round = 0; round < 3; round += 1) {
      RecordingHandler.reset();
      await served(async ({ port }) => {
        const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(port)));
        await until(() => RecordingHandler.opened.length === 20);
        for (const client of clients.slice(0, 5)) client.socket.resetAndDestroy();
        for (const client of clients.slice(5, 10)) client.send(encodeClose(1000, '', MASK));
        for (const client of clients.slice(10, 15)) client.send(encodeMessage('unmasked'));
        for (const client of clients.slice(5)) client.socket.on('end', () => client.socket.destroy());
      });
      await until(() => RecordingHandler.opened.every((handler) => handler.closes === 1));
    }
    await until(() => openDescriptors() <= before);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });
});
