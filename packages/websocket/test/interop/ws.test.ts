import { describeLibrary, EVERY_ABILITY, OUR_RESPONSES } from '../fixtures/foreign/pair-suite.ts';
import { WsEnd } from '../fixtures/foreign/ws-end.ts';

const end = new WsEnd();

describeLibrary(
  'ws',
  { foreign: () => end, can: EVERY_ABILITY },
  {
    ofOurServer: OUR_RESPONSES,
    ofTheirServer: {
      ...OUR_RESPONSES,
      'windows of 9 bits':
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
      'windows of 9 bits and context takeover':
        'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9',
      // The client's parameter comes first.
      'their windows of 9 bits':
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9; server_max_window_bits=9',
      'their windows of 9 bits and context takeover':
        'permessage-deflate; client_max_window_bits=9; server_max_window_bits=9',
      'their windows of 15 bits and context takeover':
        'permessage-deflate; client_max_window_bits=15; server_max_window_bits=15',
    },
  },
);
