import { describe, expect, it } from 'vitest';
import {
  checkDeflateResponse,
  checkDeflateSettings,
  type DeflateAgreement,
  type DeflateSettings,
  deflateOffer,
  negotiateDeflate,
} from './permessage-deflate.ts';

const DEFAULT: DeflateSettings = { contextTakeover: false, maxWindowBits: 15, peerMaxWindowBits: 15 };
const TAKEOVER: DeflateSettings = { ...DEFAULT, contextTakeover: true };

/** An agreement as text, for tables: `send 15 takeover, receive 15`. */
function shown(agreement: DeflateAgreement | undefined): string | undefined {
  if (agreement === undefined) return undefined;
  const { sendWindowBits, receiveWindowBits, sendTakeover, receiveTakeover } = agreement;
  const sending = `send ${sendWindowBits}${sendTakeover ? ' takeover' : ''}`;
  return `${sending}, receive ${receiveWindowBits}${receiveTakeover ? ' takeover' : ''}`;
}

/** Writes the parameters in full: `/` stands for the name of the extension, and `s` and `c` for server and client. */
function full(short: string): string {
  return short.replaceAll('/', 'permessage-deflate').replaceAll(/\b([sc])-(no|bits)\b/g, (_, side, what) => {
    const who = side === 's' ? 'server' : 'client';
    return `${who}_${what === 'no' ? 'no_context_takeover' : 'max_window_bits'}`;
  });
}

describe('negotiateDeflate', () => {
  it('forbids context takeover to both sides by default, even unasked (RFC 7692 §7.1.1) [WS-17]', () => {
    expect(negotiateDeflate('permessage-deflate; client_max_window_bits', DEFAULT)).toEqual({
      agreement: { sendWindowBits: 15, receiveWindowBits: 15, sendTakeover: false, receiveTakeover: false },
      response: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    });
  });

  // The offers with a window of 10 are the examples of RFC 7692 §7.1.3.
  it.each([
    ['/', '/', 'send 15 takeover, receive 15 takeover'],
    ['/; c-bits; s-bits=10', '/; s-bits=10', 'send 10 takeover, receive 15 takeover'],
    ['/; c-bits; s-bits=10, /; c-bits', '/; s-bits=10', 'send 10 takeover, receive 15 takeover'],
    ['/; c-bits', '/', 'send 15 takeover, receive 15 takeover'],
    ['/; c-bits=15', '/; c-bits=15', 'send 15 takeover, receive 15 takeover'],
    ['/; c-bits=10', '/; c-bits=10', 'send 15 takeover, receive 10 takeover'],
    ['/; c-bits=9', '/; c-bits=9', 'send 15 takeover, receive 9 takeover'],
    ['/; c-bits="9"', '/; c-bits=9', 'send 15 takeover, receive 9 takeover'],
    ['/; s-bits=15', '/; s-bits=15', 'send 15 takeover, receive 15 takeover'],
    ['/; s-bits=9', '/; s-bits=9', 'send 9 takeover, receive 15 takeover'],
    ['/; s-bits="1\\2"', '/; s-bits=12', 'send 12 takeover, receive 15 takeover'],
    ['/; s-no', '/; s-no', 'send 15, receive 15 takeover'],
    ['/; c-no', '/; c-no', 'send 15 takeover, receive 15'],
    ['/; c-no; s-no', '/; s-no; c-no', 'send 15, receive 15'],
    ['/;c-bits=11;c-no;s-bits=12;s-no', '/; s-no; c-no; s-bits=12; c-bits=11', 'send 12, receive 11'],
    // What the clients of Autobahn offer in its sections 12 and 13.
    ['/; c-no; c-bits', '/; c-no', 'send 15 takeover, receive 15'],
    ['/; s-no; c-no; c-bits', '/; s-no; c-no', 'send 15, receive 15'],
    ['/; s-bits=9; c-no; c-bits', '/; c-no; s-bits=9', 'send 9 takeover, receive 15'],
    // What Tornado, websockets and Python clients offer.
    ['/; c-bits=12; s-bits=12', '/; s-bits=12; c-bits=12', 'send 12 takeover, receive 12 takeover'],
  ])('with context takeover accepts %j [WS-17]', (offer, response, agreement) => {
    const accepted = negotiateDeflate(full(offer), TAKEOVER);
    expect(accepted?.response).toBe(full(response));
    expect(shown(accepted?.agreement)).toBe(agreement);
  });

  it.each([
    ['/', '/; s-no; c-no', 'send 15, receive 15'],
    ['/; c-bits', '/; s-no; c-no', 'send 15, receive 15'],
    ['/; s-no', '/; s-no; c-no', 'send 15, receive 15'],
    ['/; c-no; s-no', '/; s-no; c-no', 'send 15, receive 15'],
    ['/; s-bits=10; c-bits', '/; s-no; c-no; s-bits=10', 'send 10, receive 15'],
  ])('without context takeover accepts %j [WS-17]', (offer, response, agreement) => {
    const accepted = negotiateDeflate(full(offer), DEFAULT);
    expect(accepted?.response).toBe(full(response));
    expect(shown(accepted?.agreement)).toBe(agreement);
  });

  it.each([
    ['/; c-bits', '/; c-bits=11', 'send 10 takeover, receive 11 takeover'],
    ['/; c-bits=15', '/; c-bits=11', 'send 10 takeover, receive 11 takeover'],
    ['/; c-bits=11', '/; c-bits=11', 'send 10 takeover, receive 11 takeover'],
    ['/; c-bits=9', '/; c-bits=9', 'send 10 takeover, receive 9 takeover'],
    ['/; c-bits; s-bits=15', '/; s-bits=10; c-bits=11', 'send 10 takeover, receive 11 takeover'],
    ['/; c-bits; s-bits=9', '/; s-bits=9; c-bits=11', 'send 9 takeover, receive 11 takeover'],
    // A client that does not accept a limit could use more memory than is allowed.
    ['/', undefined, undefined],
    ['/; s-bits=9', undefined, undefined],
    ['/, /; c-bits', '/; c-bits=11', 'send 10 takeover, receive 11 takeover'],
  ])('with windows of 10 and 11 bits agrees on %j [WS-17]', (offer, response, agreement) => {
    const accepted = negotiateDeflate(full(offer), {
      contextTakeover: true,
      maxWindowBits: 10,
      peerMaxWindowBits: 11,
    });
    expect(accepted?.response).toBe(response === undefined ? undefined : full(response));
    expect(shown(accepted?.agreement)).toBe(agreement);
  });

  it.each([
    '/; unknown',
    '/; unknown=1',
    '/; Server_no_context_takeover',
    '/; __proto__',
    '/; constructor=1',
    '/; s-no=1',
    '/; s-no=true',
    '/; c-no="1"',
    '/; s-bits',
    '/; s-bits=8',
    '/; s-bits=16',
    '/; s-bits=7',
    '/; s-bits=0',
    '/; s-bits=-9',
    '/; s-bits=+9',
    '/; s-bits=09',
    '/; s-bits=010',
    '/; s-bits=1e1',
    '/; s-bits=0xa',
    '/; s-bits=10.0',
    '/; s-bits=100',
    '/; s-bits=x',
    '/; c-bits=8',
    '/; c-bits=16',
    '/; c-bits=09',
    '/; c-bits=7',
    '/; c-bits=true',
    '/; c-bits; c-bits',
    '/; c-bits=10; c-bits=10',
    '/; s-bits=10; s-bits=10',
    '/; s-no; s-no',
    '/; c-no; s-no; c-no',
  ])('declines %j and takes the next offer [WS-17] [ATT-69]', (offer) => {
    expect(negotiateDeflate(full(offer), TAKEOVER)).toBeUndefined();
    expect(negotiateDeflate(full(`${offer}, /; s-bits=12`), TAKEOVER)?.response).toBe(full('/; s-bits=12'));
    expect(negotiateDeflate(full(`/; s-bits=13, ${offer}`), TAKEOVER)?.response).toBe(full('/; s-bits=13'));
  });

  it.each([
    undefined,
    '',
    'x-webkit-deflate-frame',
    'permessage-bzip2, deflate-stream',
    'permessage-deflated',
    'Permessage-Deflate',
    // Malformed, although one of the offers is not.
    'permessage-deflate; server_max_window_bits=',
    'permessage-deflate,;',
    'permessage-deflate; server_max_window_bits="10',
    `${'x,'.repeat(64)}permessage-deflate`,
  ])('declines %j [WS-17] [ATT-69]', (header) => {
    expect(negotiateDeflate(header, TAKEOVER)).toBeUndefined();
  });

  it('passes over other extensions [WS-17]', () => {
    const header = 'x-webkit-deflate-frame; no_context_takeover, permessage-deflate, permessage-bzip2';
    expect(negotiateDeflate(header, TAKEOVER)?.response).toBe('permessage-deflate');
  });
});

describe('deflateOffer', () => {
  it.each([
    [TAKEOVER, '/; c-bits'],
    [DEFAULT, '/; s-no; c-no; c-bits'],
    [{ ...TAKEOVER, maxWindowBits: 12 }, '/; c-bits=12'],
    [{ ...TAKEOVER, peerMaxWindowBits: 9 }, '/; s-bits=9; c-bits'],
    [
      { contextTakeover: false, maxWindowBits: 9, peerMaxWindowBits: 10 },
      '/; s-no; c-no; s-bits=10; c-bits=9',
    ],
  ])('for %j is %j [WS-17] [WS-20]', (settings, offer) => {
    expect(deflateOffer(settings)).toBe(full(offer));
  });
});

describe('checkDeflateResponse', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    [' , ', undefined],
    ['/', 'send 15 takeover, receive 15 takeover'],
    ['/; s-no', 'send 15 takeover, receive 15'],
    ['/; c-no', 'send 15, receive 15 takeover'],
    ['/; c-no; s-no', 'send 15, receive 15'],
    ['/; s-bits=15', 'send 15 takeover, receive 15 takeover'],
    ['/; s-bits=10', 'send 15 takeover, receive 10 takeover'],
    // Whatever was compressed with 8 bits can be decompressed with 9.
    ['/; s-bits=8', 'send 15 takeover, receive 9 takeover'],
    ['/; c-bits=15', 'send 15 takeover, receive 15 takeover'],
    ['/; c-bits="10"', 'send 10 takeover, receive 15 takeover'],
    ['/; c-bits=9; s-bits=9; c-no; s-no', 'send 9, receive 9'],
  ])('accepts %j [WS-17] [WS-20]', (header, agreement) => {
    expect(shown(checkDeflateResponse(header && full(header), TAKEOVER))).toBe(agreement);
  });

  it.each([
    ['/; s-no; s-bits=11', 'send 12, receive 11'],
    ['/; s-no; s-bits=10; c-bits=9', 'send 9, receive 10'],
    ['/; s-no; c-no; s-bits=11; c-bits=12', 'send 12, receive 11'],
    // From a server of Tornado, which does not read parameters without a value.
    ['/; client_max_window_bits=12; server_max_window_bits=11', 'send 12, receive 11 takeover'],
  ])('accepts %j, which complies with an offer of limits [WS-17] [WS-20]', (header, agreement) => {
    const offered = { contextTakeover: false, maxWindowBits: 12, peerMaxWindowBits: 11 };
    expect(shown(checkDeflateResponse(full(header), offered))).toBe(agreement);
  });

  it.each([
    ['/; s-no', 'server_max_window_bits must be at most 11, got none'],
    ['/; s-no; s-bits=12', 'server_max_window_bits must be at most 11, got 12'],
    ['/; s-no; s-bits=11; c-bits=13', 'client_max_window_bits must be from 9 to 12, got 13'],
    ['/; s-no; s-bits=11; c-bits=8', 'client_max_window_bits must be from 9 to 12, got 8'],
  ])('refuses %j, which is not what was offered [WS-17] [WS-20]', (header, problem) => {
    const offered = { contextTakeover: false, maxWindowBits: 12, peerMaxWindowBits: 11 };
    expect(() => checkDeflateResponse(full(header), offered)).toThrow(
      expect.objectContaining({
        name: 'WebSocketHandshakeError',
        code: 'ERR_WEBSOCKET_BAD_EXTENSION',
        status: 101,
        message: expect.stringContaining(problem),
      }),
    );
  });

  it.each([
    '/; unknown',
    '/; constructor',
    '/; s-no=1',
    '/; c-no=""',
    '/; c-no; c-no',
    '/; s-bits',
    '/; s-bits=16',
    '/; s-bits=09',
    '/; s-bits=9; s-bits=9',
    '/; c-bits',
    '/; c-bits=8',
    '/; c-bits=16',
    '/; c-bits=x',
    '/, /',
    '/; s-no, /; c-no',
    ';',
    '/ x',
    '/; s-bits="9',
    'é',
  ])('refuses %j (RFC 7692 §7) [WS-17] [WS-20]', (header) => {
    expect(() => checkDeflateResponse(full(header), TAKEOVER)).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_EXTENSION', status: 101 }),
    );
  });

  it.each(['x-webkit-deflate-frame', '/, foo', 'foo; s-no, /', 'Permessage-Deflate'])(
    'refuses %j, which was not offered [WS-20]',
    (header) => {
      expect(() => checkDeflateResponse(full(header), TAKEOVER)).toThrow(
        expect.objectContaining({ code: 'ERR_WEBSOCKET_UNOFFERED_EXTENSION', status: 101 }),
      );
    },
  );

  it('refuses permessage-deflate if it was not offered [WS-20]', () => {
    expect(() => checkDeflateResponse('permessage-deflate', undefined)).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_UNOFFERED_EXTENSION' }),
    );
    expect(checkDeflateResponse('', undefined)).toBeUndefined();
  });

  it('quotes, escapes and clips what the server sent [ATT-40]', () => {
    const name = 'x'.repeat(5_000);
    const problem = (header: string, offered?: DeflateSettings) => {
      try {
        return String(checkDeflateResponse(header, offered));
      } catch (error) {
        return (error as Error).message;
      }
    };
    const messages = [
      problem(name),
      problem(`permessage-deflate; ${name}`, TAKEOVER),
      problem(`permessage-deflate; server_max_window_bits=${name}`, TAKEOVER),
      problem(`permessage-deflate; ${name}; ${name}`, TAKEOVER),
    ];
    expect(messages.every((message) => message.startsWith('Sec-WebSocket-Extensions: '))).toBe(true);
    expect(Math.max(...messages.map((message) => message.length))).toBeLessThan(400);
  });
});

describe('checkDeflateSettings', () => {
  it('accepts windows from 9 to 15', () => {
    for (let bits = 9; bits <= 15; bits += 1) {
      const settings = { contextTakeover: true, maxWindowBits: bits, peerMaxWindowBits: 24 - bits };
      expect(() => checkDeflateSettings('compression', settings)).not.toThrow();
    }
  });

  it.each([
    [{ maxWindowBits: 8 }, /^compression: maxWindowBits: a whole number of 9 to 15 was expected, not 8/],
    [{ maxWindowBits: 16 }, /maxWindowBits/],
    [{ maxWindowBits: 9.5 }, /maxWindowBits/],
    [{ peerMaxWindowBits: 8 }, /peerMaxWindowBits/],
    [{ peerMaxWindowBits: '9' }, /peerMaxWindowBits/],
    [{ contextTakeover: 1 }, /contextTakeover/],
  ])('refuses %j', (wrong, message) => {
    const settings = { ...DEFAULT, ...wrong } as DeflateSettings;
    expect(() => checkDeflateSettings('compression', settings)).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION', message: expect.stringMatching(message) }),
    );
  });
});
