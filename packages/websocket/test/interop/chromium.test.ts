import { startChromium } from '../fixtures/foreign/chromium-end.ts';
import { describePair, OUR_RESPONSES, runningEnd } from '../fixtures/foreign/pair-suite.ts';

const foreign = runningEnd(startChromium);

// Chromium always offers `permessage-deflate; client_max_window_bits`.
describePair({
  name: 'WebSocketHandler and Chromium',
  ourRole: 'server',
  foreign,
  can: { ping: false, reportPings: false, sendFragments: false, echoReason: true },
  responses: {
    'compression on their side only': '',
    'compression by default': OUR_RESPONSES['compression by default'],
    'context takeover': OUR_RESPONSES['context takeover'],
    'windows of 9 bits': OUR_RESPONSES['windows of 9 bits'],
    'windows of 9 bits and context takeover': OUR_RESPONSES['windows of 9 bits and context takeover'],
  },
});
