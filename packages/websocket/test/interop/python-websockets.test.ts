import { describeLibrary, OUR_RESPONSES, runningEnd } from '../fixtures/foreign/pair-suite.ts';
import { startPython } from '../fixtures/foreign/python-end.ts';

const foreign = runningEnd(() => startPython('websockets'));
const can = { ping: true, reportPings: true, sendFragments: true, echoReason: true };

describeLibrary(
  'websockets for Python',
  { foreign, can },
  {
    ofOurServer: OUR_RESPONSES,
    ofTheirServer: {
      'no compression': '',
      'compression on our side only': '',
      'compression on their side only': '',
      'compression by default': 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
      'context takeover': 'permessage-deflate',
      'windows of 9 bits':
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
      'windows of 9 bits and context takeover':
        'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9',
      'their windows of 9 bits':
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
      'their windows of 9 bits and context takeover':
        'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9',
      'their windows of 15 bits and context takeover':
        'permessage-deflate; server_max_window_bits=15; client_max_window_bits=15',
      'context takeover of the client only': 'permessage-deflate; server_no_context_takeover',
      'context takeover of the server only': 'permessage-deflate; client_no_context_takeover',
    },
  },
);
