import { exchangeOf } from '@landspout/httpserver/fetch';
import { HTTPHeaders } from '../../../../src/index.ts';
import { type FetchWay, turn, type World } from '../world.ts';
import {
  aborted,
  BIG,
  bug,
  HANGING,
  INJECTION,
  later,
  piece,
  revoked,
  THROWING,
  thenable,
  type Way,
} from './way.ts';

const used = async (): Promise<Response> => {
  const response = new Response('used');
  await response.text();
  return response;
};

type Source = NonNullable<ConstructorParameters<typeof ReadableStream<unknown>>[0]> & {
  readonly type?: undefined;
};

const streamOf = (source: Source, init: ResponseInit = {}): Response =>
  new Response(new ReadableStream(source) as ReadableStream<Uint8Array>, init);

/** A stream without an end, whose `cancel` is noted. */
const endless = (world: World, cancel: () => unknown = () => {}): Response =>
  streamOf({
    async pull(out) {
      await turn();
      out.enqueue(piece());
    },
    cancel() {
      world.events.push('cancel');
      return cancel() as Promise<void>;
    },
  });

export const FETCH_WAYS: Readonly<Record<string, Way<FetchWay>>> = {
  ...THROWING,
  'throws undefined': {
    run() {
      throw undefined;
    },
    ends: 500,
  },
  'rejects with an unreadable value': { run: () => Promise.reject(revoked()), ends: 500 },
  'rejects with an AbortError of its own': {
    run: () => Promise.reject(new DOMException('mine', 'AbortError')),
    ends: 500,
  },
  'returns nothing': { run: () => undefined, ends: 500 },
  'returns a promise of nothing': { run: async () => undefined, ends: 500 },
  'returns null': { run: () => null, ends: 500 },
  'returns a text': { run: () => 'text', ends: 500 },
  'returns an unreadable value': { run: revoked, ends: 500 },
  'returns an object that claims to be a Response': {
    run: () => ({ [Symbol.toStringTag]: 'Response', status: 200, headers: [], body: 5 }),
    ends: 500,
  },
  'returns a Response whose headers throw': {
    run: () =>
      Object.defineProperty(new Response('x'), 'headers', {
        get() {
          throw bug();
        },
      }),
    ends: 500,
    // The public properties of the lightweight class are not read.
    except: /replaced/,
  },
  'returns a thenable whose then throws': {
    run: () =>
      thenable(() => {
        throw bug();
      }),
    ends: 500,
  },
  'returns a thenable whose then is unreadable': {
    run: () =>
      Object.defineProperty({}, 'then', {
        get() {
          throw bug();
        },
      }),
    ends: 500,
  },
  'resolves later with a thenable whose then throws': {
    run: () =>
      later().then(() =>
        thenable(() => {
          throw bug();
        }),
      ),
    ends: 500,
  },
  'responds twice by a thenable that settles twice': {
    run: () =>
      thenable((resolve: (response: Response) => void, reject: (error: Error) => void) => {
        resolve(new Response('one'));
        resolve(new Response('two'));
        reject(bug());
      }),
    ends: 200,
  },
  'responds twice by a thenable that settles with two streams': {
    run: (_request, world) =>
      thenable((resolve: (response: Response) => void) => {
        const one = (): Response =>
          streamOf({
            async pull(out) {
              await later();
              out.enqueue(Buffer.from('one'));
              out.close();
            },
            cancel: () => void world.events.push('cancel'),
          });
        resolve(one());
        resolve(one());
      }),
    ends: 200,
  },
  'responds through outgoing, and returns a Response': {
    run(_request, _world, { outgoing }) {
      outgoing.end('outgoing');
      return new Response('returned');
    },
    ends: 200,
  },
  'responds through its exchange, and throws': {
    run(request) {
      const { exchange } = exchangeOf(request) ?? {};
      exchange?.writeHead(200, '', new HTTPHeaders(), 'half', false);
      throw bug();
    },
    ends: 'cut',
  },
  'aborts its exchange': {
    run(request) {
      exchangeOf(request)?.exchange.abort();
      return new Response('late');
    },
    ends: 'cut',
    records: 0,
  },
  'returns a used body': { run: used, ends: 500 },
  'returns a locked stream': {
    run() {
      const stream = new ReadableStream();
      const response = new Response(stream);
      stream.getReader();
      return response;
    },
    ends: 500,
  },
  'returns an errored stream': {
    run: () => streamOf({ start: (out) => out.error(bug()) }),
    ends: 500,
  },
  'returns a stream that fails after a piece': {
    run: () =>
      streamOf({
        start(out) {
          out.enqueue(piece());
        },
        async pull(out) {
          await later();
          out.error(bug());
        },
      }),
    ends: 'cut',
  },
  'returns a stream that fails with undefined after a piece': {
    run: () =>
      streamOf({
        start(out) {
          out.enqueue(piece());
        },
        async pull() {
          await later();
          throw undefined;
        },
      }),
    ends: 'cut',
  },
  'returns a stream of numbers': {
    run: () => streamOf({ start: (out) => out.enqueue(5) }),
    ends: 500,
  },
  'returns a stream with a number after a piece': {
    run: () =>
      streamOf({
        async pull(out) {
          out.enqueue(piece());
          await later();
          out.enqueue(5);
          await later();
        },
      }),
    ends: 'cut',
  },
  'returns a stream that is longer than its Content-Length': {
    run: () =>
      streamOf(
        {
          async pull(out) {
            await later();
            out.enqueue(piece());
          },
        },
        { headers: { 'Content-Length': '20000' } },
      ),
    ends: 'cut',
    except: /compress/,
  },
  'returns a stream that is shorter than its Content-Length': {
    run: () =>
      streamOf(
        {
          async pull(out) {
            await later();
            out.enqueue(piece());
            await later();
            out.close();
          },
        },
        { headers: { 'Content-Length': '20000' } },
      ),
    ends: 'cut',
    except: /compress/,
  },
  'returns a text that is shorter than its Content-Length': {
    run: () => new Response('short', { headers: { 'Content-Length': '6' } }),
    ends: 500,
    except: /compress/,
  },
  'returns a text that is longer than its Content-Length': {
    run: () => new Response('longer', { headers: { 'Content-Length': '5' } }),
    ends: 500,
    except: /compress/,
  },
  'returns a Content-Length that is no number': {
    run: () => new Response('text', { headers: { 'Content-Length': '4, 5' } }),
    ends: 500,
    except: /compress/,
  },
  'sets Transfer-Encoding': {
    run: () => new Response('text', { headers: { 'Transfer-Encoding': 'gzip, chunked' } }),
    ends: 200,
  },
  'sets a header with CR LF': {
    run: () => new Response('text', { headers: { 'X-A': INJECTION } }),
    ends: 500,
  },
  'appends a header with CR LF': {
    run() {
      const response = new Response('text');
      response.headers.append('X-A', INJECTION);
      return response;
    },
    ends: 500,
  },
  'sets a header name with CR LF': {
    run: () => new Response('text', { headers: [['X-Evil: 1\r\nX-A', 'a']] }),
    ends: 500,
  },
  'sets a header with a control character': {
    run: () => new Response('text', { headers: { 'X-A': 'a\u0001' } }),
    ends: 500,
  },
  'sets a header that is not latin1': {
    run: () => new Response('text', { headers: { 'X-A': 'a\u2028' } }),
    ends: 500,
  },
  'sets a status text with CR LF': {
    run: () => new Response('text', { statusText: 'OK\r\nX-Evil: 1' }),
    ends: 500,
  },
  'sets an interim header with CR LF': {
    run(request) {
      const { exchange } = exchangeOf(request) ?? {};
      exchange?.writeInterim(103, new HTTPHeaders().add('Link', INJECTION));
      return new Response('text');
    },
    ends: 500,
  },
  'sets an invalid status': { run: () => new Response('text', { status: 99 }), ends: 500 },
  'sets the status 101': { run: () => new Response(null, { status: 101 }), ends: 500 },
  'returns Response.error()': { run: () => Response.error(), ends: 500 },
  'sets a body for 204': { run: () => new Response('text', { status: 204 }), ends: 500 },
  'freezes its request': { run: (request) => new Response(Object.freeze(request).url), ends: 200 },
  'reads the body twice': {
    async run(request) {
      await request.text();
      return new Response(await request.text());
    },
    ends: 500,
    body: 'text',
  },
  'reads the body while a reader holds it': {
    async run(request) {
      request.body?.getReader();
      return new Response(await request.text());
    },
    ends: 500,
    body: BIG,
  },
  'reads a part of the body, and throws': {
    async run(request) {
      await request.body?.getReader().read();
      throw bug();
    },
    ends: 500,
    body: BIG,
  },
  'responds while its reader waits for the body': {
    async run(request, world) {
      request.body?.pipeTo(new WritableStream()).catch(() => world.events.push('body failed'));
      return new Response('early');
    },
    ends: 200,
    body: BIG,
  },
  'cancels the body, and responds': {
    async run(request) {
      await request.body?.cancel();
      return new Response('text');
    },
    ends: 200,
    body: BIG,
  },
  'responds with the body after it was read': {
    async run(request) {
      await request.text();
      return new Response(request.body);
    },
    ends: 500,
    body: 'text',
  },
  'hangs until the client leaves': {
    run: async (request) => {
      await aborted(request.signal);
      return new Response('late');
    },
    ends: 'leaves',
  },
  'gives up when the client leaves': {
    run: async (request) => {
      await aborted(request.signal);
      throw request.signal.reason;
    },
    ends: 'leaves',
  },
  'fails when the client leaves': {
    run: async (request) => {
      await aborted(request.signal);
      throw bug();
    },
    ends: 'leaves',
    records: 1,
  },
  ...HANGING,
  'returns a stream that is silent for ever': {
    run: () => streamOf({ pull: () => new Promise(() => {}) }),
    ends: 'leaves',
    reads: 20,
  },
  'streams for ever': { run: (_request, world) => endless(world), ends: 'leaves', reads: 200_000 },
  'streams for ever, and its cancel throws': {
    run: (_request, world) =>
      endless(world, () => {
        throw bug();
      }),
    ends: 'leaves',
    reads: 100_000,
  },
  'streams for ever, and its cancel never ends': {
    run: (_request, world) => endless(world, () => new Promise(() => {})),
    ends: 'leaves',
    reads: 100_000,
  },
  'streams faster than the client reads': {
    run: () => streamOf({ pull: (out) => out.enqueue(piece()) }),
    ends: 'leaves',
    reads: 100_000,
  },
  'sends back the body of a client that leaves': {
    run: (request) => new Response(request.body),
    ends: 'leaves',
    body: BIG,
    reads: 100_000,
  },
};
