import { turn, type WebWay } from '../world.ts';
import { aborted, bug, HANGING, INJECTION, later, piece, THROWING, type Way } from './way.ts';

export const WEB_WAYS: Readonly<Record<string, Way<WebWay>>> = {
  ...THROWING,
  'returns nothing': { run: () => undefined, ends: 200 },
  'returns a value': { run: () => 'text', ends: 500 },
  'throws after a piece of the body': {
    async run(handler) {
      handler.write('half');
      await handler.flush();
      throw bug();
    },
    ends: 'cut',
  },
  'throws after its response': {
    run(handler) {
      handler.finish('done');
      throw bug();
    },
    ends: 200,
    records: 1,
  },
  'responds twice': {
    run(handler) {
      handler.finish('one');
      handler.finish('two');
    },
    ends: 200,
    records: 1,
  },
  'writes after its response': {
    async run(handler) {
      handler.finish('one');
      await later();
      handler.write('two');
    },
    ends: 200,
    records: 1,
  },
  'sets a header with CR LF': { run: (handler) => handler.setHeader('X-A', INJECTION), ends: 500 },
  'sets a header name with CR LF': {
    run: (handler) => handler.setHeader('X-Evil: 1\r\nX-A', 'a'),
    ends: 500,
  },
  'sets a reason with CR LF': { run: (handler) => handler.setStatus(200, 'OK\r\nX-Evil: 1'), ends: 200 },
  'sets a cookie with CR LF': { run: (handler) => handler.setCookie('a', INJECTION), ends: 500 },
  'redirects to CR LF': {
    run: (handler) => handler.redirect('/a\r\nX-Evil: 1'),
    ends: 500,
  },
  'sets an invalid status': { run: (handler) => handler.setStatus(99), ends: 500 },
  'writes a number': { run: (handler) => handler.write(5 as never), ends: 500 },
  'writes more than its Content-Length': {
    async run(handler) {
      handler.setHeader('Content-Length', '5');
      handler.write('four');
      await handler.flush();
      handler.write('more');
    },
    ends: 'cut',
    except: /compression/,
  },
  'ends before its Content-Length': {
    async run(handler) {
      handler.setHeader('Content-Length', '5');
      handler.write('four');
      await handler.flush();
    },
    ends: 'cut',
    except: /compression/,
  },
  'aborts its exchange': {
    run: (handler) => handler.exchange.abort(),
    ends: 'cut',
    records: 0,
    // The Fetch handler rejects, and Hono responds.
    except: /Hono/,
  },
  'hangs until the client leaves': { run: (handler) => aborted(handler.signal), ends: 'leaves' },
  'gives up when the client leaves': {
    run: async (handler) => {
      await aborted(handler.signal);
      throw handler.signal.reason;
    },
    ends: 'leaves',
  },
  ...HANGING,
  'streams for ever': {
    async run(handler, world) {
      try {
        for (;;) {
          handler.write(piece());
          await handler.flush();
          await turn();
        }
      } finally {
        world.events.push('cancel');
      }
    },
    ends: 'leaves',
    reads: 200_000,
  },
};
