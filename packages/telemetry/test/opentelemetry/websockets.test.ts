import { Application, type RouteSpec } from '@landspout/web';
import { WebSocketHandler, websocketConnect } from '@landspout/websocket';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import {
  activeSpanId,
  RecordingLogger,
  spanIdOf,
  spanOf,
  traceIdOf,
  withTracing,
} from './fixtures/tracing.ts';

/** Spans of servers only, so that each span is counted once. */
const SERVER = { messages: { ignore: ({ side }: { side: string }) => side === 'client' } };

const seen: (string | undefined)[] = [];

class Chat extends WebSocketHandler {
  override async onMessage(message: string | Uint8Array): Promise<void> {
    seen.push(activeSpanId());
    await Promise.resolve();
    seen.push(activeSpanId());
    if (message === 'fail') throw new RangeError('no');
    await this.writeMessage(message);
  }
}

async function serving(routes: readonly RouteSpec[], use: (url: string) => Promise<void>): Promise<void> {
  seen.length = 0;
  const app = new Application(routes, { logger: new RecordingLogger() });
  await using server = await app.listen({ port: 0, host: '127.0.0.1' });
  await use(server.url.replace('http', 'ws'));
  await server.closeAll();
}

describe('the span of a message', () => {
  it('is active while the message is handled, and linked to the span of the upgrade', () =>
    withTracing(SERVER, async ({ waitSpans }) => {
      await serving([['/chat/:room', Chat]], async (url) => {
        const connection = await websocketConnect(`${url}/chat/7`);
        await connection.writeMessage('hello');
        await connection.readMessage();
        await connection.writeMessage(new Uint8Array(3));
        await connection.readMessage();
        const spans = await waitSpans(3);
        const upgrade = spanOf(spans, 'SERVER');
        expect(upgrade.name).toBe('GET /chat/:room');
        const messages = spans.filter((span) => span !== upgrade);
        expect(messages.map(({ name }) => name)).toEqual(Array(2).fill('websocket message /chat/:room'));
        expect(messages[0]?.attributes).toEqual({
          'http.route': '/chat/:room',
          'landspout.websocket.side': 'server',
          'landspout.websocket.message.type': 'text',
          'landspout.websocket.message.size': 5,
        });
        expect(messages[1]?.attributes).toMatchObject({
          'landspout.websocket.message.type': 'binary',
          'landspout.websocket.message.size': 3,
        });
        for (const message of messages) {
          expect(message.parentSpanContext).toBeUndefined();
          expect(traceIdOf(message)).not.toBe(traceIdOf(upgrade));
          expect(message.links.map((link) => link.context.spanId)).toEqual([spanIdOf(upgrade)]);
        }
        expect(seen).toEqual(messages.flatMap((message) => [spanIdOf(message), spanIdOf(message)]));
        connection.close();
      });
    }));

  it('ends with its connection if the handler never settles', () =>
    withTracing(SERVER, async ({ waitSpans, bridge }) => {
      class Endless extends WebSocketHandler {
        override onMessage(): Promise<void> {
          return new Promise(() => {});
        }
      }
      await serving([['/chat', Endless]], async (url) => {
        const connection = await websocketConnect(`${url}/chat`);
        await connection.writeMessage('hello');
        await expect.poll(() => bridge.openSpans).toBe(1);
        connection.close();
      });
      const message = spanOf(await waitSpans(2), 'INTERNAL');
      expect(message.attributes['landspout.websocket.message.unfinished']).toBe(true);
      expect(bridge.openSpans).toBe(0);
    }));

  it('is an error if the handler rejects', () =>
    withTracing(SERVER, async ({ waitSpans }) => {
      await serving([['/chat', Chat]], async (url) => {
        const connection = await websocketConnect(`${url}/chat`);
        await connection.writeMessage('fail');
        const message = spanOf(await waitSpans(2), 'INTERNAL');
        expect(message.status.code).toBe(SpanStatusCode.ERROR);
        expect(message.attributes['error.type']).toBe('RangeError');
        expect(message.events.map(({ name }) => name)).toEqual(['exception']);
        expect(await connection.readMessage()).toBeNull();
      });
    }));

  it('of a client is linked to the span in which the connection was opened', () =>
    withTracing({ requests: false }, async ({ waitSpans }) => {
      await serving([['/chat', Chat]], async (url) => {
        let onEcho = (_: string | undefined): void => {};
        const echoed = new Promise<string | undefined>((resolve) => {
          onEcho = resolve;
        });
        const connection = await trace.getTracer('test').startActiveSpan('opener', async (opener) => {
          const opened = await websocketConnect(`${url}/chat`, {
            onMessage: (message) => {
              if (message !== null) onEcho(activeSpanId());
            },
          });
          opener.end();
          return opened;
        });
        await connection.writeMessage('hello');
        const id = await echoed;
        const spans = await waitSpans(3);
        const opener = spanOf(spans, 'INTERNAL', 'opener');
        const message = spans.find(({ attributes }) => attributes['landspout.websocket.side'] === 'client');
        expect(message?.name).toBe('websocket message');
        expect(message && spanIdOf(message)).toBe(id);
        expect(message?.links.map((link) => link.context.spanId)).toEqual([spanIdOf(opener)]);
        connection.close();
      });
    }));
});

describe('the span of a connection', () => {
  it('is made if wanted, a child of the span of the upgrade, and ends with the connection', () =>
    withTracing({ messages: false, connections: true }, async ({ spans, waitSpans, bridge }) => {
      await serving([['/chat', Chat]], async (url) => {
        const connection = await websocketConnect(`${url}/chat`);
        await waitSpans(1);
        expect(spans().map(({ name }) => name)).toEqual(['GET /chat']);
        expect(bridge.openSpans).toBe(2);
        connection.close(1000);
        const all = await waitSpans(3);
        const server = all.find(({ attributes }) => attributes['landspout.websocket.side'] === 'server');
        expect(server?.name).toBe('websocket connection /chat');
        expect(server?.parentSpanContext?.spanId).toBe(spanIdOf(spanOf(all, 'SERVER')));
        expect(server?.attributes['landspout.websocket.close.code']).toBe(1000);
        expect(server?.status.code).toBe(SpanStatusCode.UNSET);
      });
    }));
});
