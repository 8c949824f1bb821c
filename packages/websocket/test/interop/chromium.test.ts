import { afterAll, beforeAll } from 'vitest';
import { startChromium } from '../fixtures/foreign/chromium-end.ts';
import { describePair } from '../fixtures/foreign/pair-suite.ts';
import type { ProgramEnd } from '../fixtures/foreign/program-end.ts';

let end: ProgramEnd;
beforeAll(async () => {
  end = await startChromium();
});
afterAll(() => end?.[Symbol.asyncDispose]());

// Chromium always offers `permessage-deflate; client_max_window_bits`.
describePair({
  name: 'WebSocketHandler and Chromium',
  ourRole: 'server',
  foreign: () => end,
  can: { ping: false, reportPings: false, sendFragments: false, echoReason: true },
  responses: {
    'compression on their side only': '',
    'compression by default': 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    'context takeover': 'permessage-deflate',
    'windows of 9 bits':
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9',
    'windows of 9 bits and context takeover': 'permessage-deflate; client_max_window_bits=9',
  },
});
