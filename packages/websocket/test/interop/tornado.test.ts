import { describe, expect, it } from 'vitest';
import { type OurEnd, recordingHandlers, untilMessages } from '../fixtures/foreign/our-end.ts';
import { describeLibrary, OUR_RESPONSES, runningEnd } from '../fixtures/foreign/pair-suite.ts';
import { withPair } from '../fixtures/foreign/pairs.ts';
import { startPython } from '../fixtures/foreign/python-end.ts';
import { until, withApp } from '../fixtures/running-application.ts';

const foreign = runningEnd(() => startPython('tornado'));
const can = { ping: true, reportPings: true, sendFragments: false, echoReason: false };

describeLibrary(
  'Tornado',
  { foreign, can },
  {
    ofOurServer: {
      'no compression': '',
      'compression on our side only': '',
      'compression on their side only': '',
      'context takeover': 'permessage-deflate',
      'windows of 9 bits and context takeover': OUR_RESPONSES['windows of 9 bits and context takeover'],
    },
    ofTheirServer: {
      'no compression': '',
      'compression on our side only': '',
      'compression on their side only': '',
      'compression by default': 'permessage-deflate',
      'context takeover': 'permessage-deflate',
      'windows of 9 bits': 'permessage-deflate; client_max_window_bits=9; server_max_window_bits=9',
      'windows of 9 bits and context takeover':
        'permessage-deflate; client_max_window_bits=9; server_max_window_bits=9',
    },
  },
);

// Tornado reads no parameter without a value: its client accepts `client_no_context_takeover`, and keeps its context.
describe('WebSocketHandler and the client of Tornado, compression by default', () => {
  const settings = { ours: true, theirs: {} } as const;

  it('agree, and compress [WS-17]', () =>
    withPair('server', foreign(), settings, async ({ ours, foreign: client, relay }) => {
      expect(relay.server.field('Sec-WebSocket-Extensions')).toBe(
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
      );
      const text = 'a message that is long enough to be compressed '.repeat(10);
      // A message without repetitions of an earlier one can be read in any case.
      for (let i = 0; i < 3; i += 1) client.send(String.fromCharCode(0x4e00 + 500 * i));
      await untilMessages(ours, 3);
      expect(ours.messages).toEqual(['\u4e00', '\u4ff4', '\u51e8']);
      await ours.writeMessage(text);
      await untilMessages(ours, 4);
      expect(ours.messages[3]).toBe(text);
      expect([relay.server.compressed.length, relay.client.compressed.length]).toEqual([1, 4]);
    }));

  it('closes with 1007 if a message refers to an earlier one [WS-19]', async () => {
    const { handlerClass, opened } = recordingHandlers({ compression: true });
    await withApp([['/', handlerClass]], async ({ url }) => {
      const client = await foreign().connect(`${url}/`, { deflate: {} });
      for (let i = 0; i < 2; i += 1) client.send('the same text');
      expect((await client.closed).code).toBe(1007);
      const ours = opened[0] as OurEnd;
      await until(() => ours.closes > 0);
      expect(ours.messages).toEqual(['the same text']);
      expect(ours.closeError).toMatchObject({ code: 'ERR_WEBSOCKET_BAD_DEFLATE' });
    });
    expect(opened.map(({ closes }) => closes)).toEqual([1]);
  });
});
