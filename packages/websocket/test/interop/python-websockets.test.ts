import { describeLibrary, EVERY_ABILITY, OUR_RESPONSES, runningEnd } from '../fixtures/foreign/pair-suite.ts';
import { startPython } from '../fixtures/foreign/python-end.ts';

const foreign = runningEnd(() => startPython('websockets'));

describeLibrary(
  'websockets for Python',
  { foreign, can: EVERY_ABILITY },
  {
    ofOurServer: OUR_RESPONSES,
    ofTheirServer: {
      ...OUR_RESPONSES,
      'windows of 9 bits':
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
      'windows of 9 bits and context takeover':
        'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9',
    },
  },
);
