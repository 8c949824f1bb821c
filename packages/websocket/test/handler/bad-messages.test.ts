import type { Logger, Schema } from '@landspout/web';
import { describe, expect, it } from 'vitest';
import { parseMessage, parseMessageAsync, WebSocketHandler, WebSocketMessageError } from '../../src/index.ts';
import { encodeMessage } from '../../src/protocol/index.ts';
import { MASK, RawClient } from '../fixtures/raw-client.ts';
import { until, withApp } from '../fixtures/running-application.ts';

const text = (message: string) => encodeMessage(message, MASK);

/** Accepts `{ "n": number }`. */
const schema: Schema<{ readonly n: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { n } = (value ?? {}) as { readonly n?: unknown };
      return typeof n === 'number'
        ? { value: { n } }
        : { issues: [{ message: 'must be a number', path: ['n'] }] };
    },
  },
};

class Doubles extends WebSocketHandler {
  override onMessage(message: string | Uint8Array): unknown {
    return this.writeMessage(String(2 * parseMessage(message, schema).n));
  }
}

class DoublesLater extends WebSocketHandler {
  override async onMessage(message: string | Uint8Array): Promise<void> {
    const { n } = await parseMessageAsync(message, schema);
    await this.writeMessage(String(2 * n));
  }
}

class DoublesInLoop extends WebSocketHandler {
  override async onMessages(messages: AsyncIterable<string | Uint8Array>): Promise<void> {
    for await (const message of messages) void this.writeMessage(String(2 * parseMessage(message, schema).n));
  }
}

describe.each([Doubles, DoublesLater, DoublesInLoop])('a message that %o refuses', (handler) => {
  it.each<[string, Buffer, string]>([
    ['that is not JSON', text('hello'), 'close 1007 the message must be JSON'],
    ['that does not fit the schema', text('{"n":"1"}'), 'close 1007 invalid: n'],
    [
      'that is binary',
      encodeMessage(Buffer.from('1'), MASK),
      'close 1003 the message must be text, but is binary',
    ],
  ])(
    '%s closes the connection with a reason, and is logged at level debug only [WS-06]',
    async (_what, bad, close) => {
      const records: string[] = [];
      const logger: Logger = {
        debug: (details, message) => {
          const { error } = details as { readonly error?: Error };
          if (error instanceof WebSocketMessageError) records.push(message);
        },
        info: (_details, message) => records.push(`info ${message}`),
        warn: (_details, message) => records.push(`warn ${message}`),
        error: (_details, message) => records.push(`error ${message}`),
      };
      const ended: unknown[] = [];
      class Ends extends (handler as typeof Doubles) {
        override onClose(): void {
          ended.push(this.closeCode, this.closeError);
        }
      }
      await withApp(
        [['/', Ends]],
        async ({ port }) => {
          const client = await RawClient.open(port);
          client.send(Buffer.concat([text('{"n":2}'), bad, text('{"n":3}')]));
          expect(await client.untilEnd()).toEqual(['text 4', close]);
          await until(() => ended.length > 0);
          expect(ended).toEqual([1006, expect.any(WebSocketMessageError)]);
          const code = close.split(' ')[1];
          expect(records).toEqual([`a WebSocket message was refused; the connection is closed with ${code}`]);
        },
        {},
        { logger },
      );
    },
  );
});

describe('a WebSocketMessageError', () => {
  it('does not close the connection if the handler catches it [WS-06]', async () => {
    class Replies extends WebSocketHandler {
      override onMessage(message: string | Uint8Array): unknown {
        try {
          return this.writeMessage({ n: parseMessage(message, schema).n });
        } catch (error) {
          if (!(error instanceof WebSocketMessageError)) throw error;
          return this.writeMessage({ issues: error.issues.map(({ path }) => path) });
        }
      }
    }
    await withApp([['/', Replies]], async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(text('{}'), text('{"n":1}'));
      expect([await client.frame(), await client.frame(2)]).toEqual([
        'text {"issues":[["n"]]}',
        'text {"n":1}',
      ]);
      client.socket.destroy();
    });
  });
});
