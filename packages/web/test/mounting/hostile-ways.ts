import { pipeline, Readable } from 'node:stream';
import { exchangeOf } from '@landspout/httpserver/fetch';
import { HTTPHeaders } from '../../src/index.ts';
import { type FetchWay, type NodeWay, turn, type WebWay, type World } from './hostile-world.ts';

/**
 * What a client sees:
 *
 * - a number: a whole response with this status
 * - cut: a response that does not look complete, or none
 * - leaves: the handler does not end by itself. The client resets the connection after it has read `reads` bytes
 */
export type Ending = number | 'cut' | 'leaves';

/** One way in which a handler misbehaves, and what must come of it. */
export interface Way<Run> {
  readonly run: Run;
  readonly ends: Ending;
  /** Records at the level error. Default: 1 for a 500 and a cut response, else 0. */
  readonly records?: number;
  /** The body of a POST; without it, the request is a GET. */
  readonly body?: string;
  readonly reads?: number;
  /** Names of places in which the way makes no sense, and why. */
  readonly except?: RegExp;
}

const later = async (): Promise<void> => {
  await turn();
  await turn();
};

const PIECE = Buffer.alloc(16_384, 'x');
const BIG = 'b'.repeat(300_000);
const bug = (): Error => new Error('a bug');
const piece = (): Uint8Array => new Uint8Array(PIECE);

const used = async (): Promise<Response> => {
  const response = new Response('used');
  await response.text();
  return response;
};

/** Resolves when the signal aborts. */
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** An object with a method `then`. */
const thenable = (
  then: (resolve: (value: Response) => void, reject: (error: Error) => void) => void,
): object => Object.defineProperty({}, 'then', { value: then });

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
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
  throws: {
    run() {
      throw bug();
    },
    ends: 500,
  },
  'throws undefined': {
    run() {
      throw undefined;
    },
    ends: 500,
  },
  'throws a value that cannot be read': {
    run() {
      throw revoked();
    },
    ends: 500,
  },
  rejects: { run: () => Promise.reject(bug()), ends: 500 },
  'rejects later': {
    async run() {
      await later();
      throw bug();
    },
    ends: 500,
  },
  'rejects with a value that cannot be read': { run: () => Promise.reject(revoked()), ends: 500 },
  'rejects with an AbortError of its own': {
    run: () => Promise.reject(new DOMException('mine', 'AbortError')),
    ends: 500,
  },
  'returns nothing': { run: () => undefined, ends: 500 },
  'returns a promise of nothing': { run: async () => undefined, ends: 500 },
  'returns null': { run: () => null, ends: 500 },
  'returns a text': { run: () => 'text', ends: 500 },
  'returns a value that cannot be read': { run: revoked, ends: 500 },
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
  'returns a thenable whose then cannot be read': {
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
    run: () => new Response('text', { headers: { 'X-A': 'a\r\nX-Evil: 1' } }),
    ends: 500,
  },
  'appends a header with CR LF': {
    run() {
      const response = new Response('text');
      response.headers.append('X-A', 'a\r\nX-Evil: 1');
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
      exchange?.writeInterim(103, new HTTPHeaders().add('Link', 'a\r\nX-Evil: 1'));
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
  'hangs for ever': { run: () => thenable(() => {}), ends: 'leaves' },
  'hangs for ever with a body': { run: () => thenable(() => {}), ends: 'leaves', body: 'whole' },
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

const closed = (emitter: { once(name: string, listener: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => emitter.once('close', () => resolve()));

const readable = (read: (this: Readable) => void): Readable => new Readable({ read });

export const NODE_WAYS: Readonly<Record<string, Way<NodeWay>>> = {
  throws: {
    run() {
      throw bug();
    },
    ends: 500,
  },
  'throws a value that cannot be read': {
    run() {
      throw revoked();
    },
    ends: 500,
    // They read what was thrown.
    except: /Express|Connect/,
  },
  rejects: { run: () => Promise.reject(bug()), ends: 500, except: /Connect/ },
  'rejects later': {
    async run() {
      await later();
      throw bug();
    },
    ends: 500,
    except: /Connect/,
  },
  'returns a thenable whose then throws': {
    run: () =>
      thenable(() => {
        throw bug();
      }),
    ends: 500,
    except: /Express|Connect/,
  },
  'passes on an error': { run: (_request, _response, next) => next(bug()), ends: 500 },
  'passes on an error twice': {
    run(_request, _response, next) {
      next(bug());
      next(bug());
    },
    ends: 500,
    records: 2,
  },
  'passes on an error with invalid header fields': {
    run: (_request, _response, next) =>
      next(Object.assign(bug(), { status: 503, headers: { 'X-A': 'a\r\nX-Evil: 1' } })),
    ends: 503,
  },
  'passes on an error of the client with invalid header fields': {
    run: (_request, _response, next) =>
      next(Object.assign(bug(), { status: 429, headers: { 'X-A': 'a\r\nX-Evil: 1' } })),
    ends: 429,
  },
  'passes on, and there is no other handler': { run: (_request, _response, next) => next(), ends: 404 },
  'passes on after its response': {
    run(_request, response, next) {
      response.end('done');
      next();
    },
    ends: 200,
  },
  'passes on an error after its response': {
    run(_request, response, next) {
      response.end('done');
      next(bug());
    },
    ends: 200,
    records: 1,
  },
  'throws after its head was written': {
    run(_request, response) {
      response.writeHead(200);
      throw bug();
    },
    ends: 'cut',
  },
  'throws after a piece of the body': {
    run(_request, response) {
      response.write('half');
      throw bug();
    },
    ends: 'cut',
  },
  'throws after its response': {
    run(_request, response) {
      response.end('done');
      throw bug();
    },
    ends: 200,
    records: 1,
  },
  'responds twice': {
    run(_request, response) {
      response.end('one');
      response.end('two');
    },
    ends: 200,
    records: 1,
  },
  'responds twice, the second time later': {
    run(_request, response) {
      response.end('one');
      setTimeout(() => response.end('two'), 1);
    },
    ends: 200,
    records: 1,
  },
  'responds twice without a second body': {
    run(_request, response) {
      response.end('one');
      response.end();
    },
    ends: 200,
  },
  'writes after its response': {
    run(_request, response) {
      response.end('one');
      response.write('two');
      response.write('three');
    },
    ends: 200,
    records: 1,
  },
  'writes its head twice': {
    run(_request, response) {
      response.writeHead(200);
      response.writeHead(200);
    },
    ends: 'cut',
  },
  'sets a header after its head was written': {
    run(_request, response) {
      response.write('half');
      response.setHeader('X-A', 'a');
    },
    ends: 'cut',
  },
  'sets a header with CR LF': {
    run: (_request, response) => response.setHeader('X-A', 'a\r\nX-Evil: 1').end('text'),
    ends: 500,
  },
  'appends a header with CR LF': {
    run: (_request, response) => response.appendHeader('X-A', ['a', 'a\r\nX-Evil: 1']).end('text'),
    ends: 500,
  },
  'writes a head with CR LF': {
    run: (_request, response) => response.writeHead(200, { 'X-A': 'a\r\nX-Evil: 1' }).end('text'),
    ends: 500,
  },
  'writes a list of fields with CR LF': {
    run: (_request, response) => response.writeHead(200, ['X-A', 'a\r\nX-Evil: 1']).end('text'),
    ends: 500,
  },
  'sets a header name with CR LF': {
    run: (_request, response) => response.setHeader('X-Evil: 1\r\nX-A', 'a').end('text'),
    ends: 500,
  },
  'sets a header with a control character': {
    run: (_request, response) => response.setHeader('X-A', 'a\u0001').end('text'),
    ends: 500,
  },
  'sets a status message with CR LF': {
    run(_request, response) {
      response.statusMessage = 'OK\r\nX-Evil: 1';
      response.end('text');
    },
    ends: 500,
  },
  'sets an interim header with CR LF': {
    run(_request, response) {
      response.writeEarlyHints({ link: '</a>; rel=preload', 'x-a': 'a\r\nX-Evil: 1' });
      response.end('text');
    },
    ends: 500,
  },
  'adds trailers with CR LF': {
    run(_request, response) {
      response.setHeader('Trailer', 'X-A');
      response.write('half');
      response.addTrailers({ 'X-A': 'a\r\nX-Evil: 1' });
      response.end();
    },
    ends: 'cut',
  },
  'sets an invalid status': {
    run(_request, response) {
      response.statusCode = 99;
      response.end('text');
    },
    ends: 500,
  },
  // As with node:http, for programs that then write to the socket. That is refused here.
  'sets the status 101': {
    run: (_request, response) => response.writeHead(101).end(),
    ends: 'cut',
    records: 0,
  },
  'writes a body for 204': {
    run(_request, response) {
      response.statusCode = 204;
      response.end('text');
    },
    ends: 204,
  },
  'writes null': {
    run: (_request, response) => response.write(null as never),
    ends: 500,
  },
  'writes a number': { run: (_request, response) => response.end(5 as never), ends: 500 },
  'writes more than its Content-Length': {
    run(_request, response) {
      response.setHeader('Content-Length', 5);
      response.write('four');
      response.write('more');
    },
    ends: 'cut',
    except: /compress/,
  },
  'ends before its Content-Length': {
    run(_request, response) {
      response.setHeader('Content-Length', 5);
      response.write('four');
      response.end();
    },
    ends: 'cut',
    except: /compress/,
  },
  'destroys its request': { run: (request) => void request.destroy(), ends: 'cut', records: 0 },
  'destroys its request with an error': {
    run: (request) => void request.destroy(bug()),
    ends: 'cut',
    records: 0,
  },
  'destroys its response': { run: (_request, response) => void response.destroy(), ends: 'cut', records: 0 },
  'destroys its response with an error': {
    run: (_request, response) => void response.destroy(bug()),
    ends: 'cut',
    records: 0,
  },
  'destroys its response after a piece': {
    run(_request, response) {
      response.write('half');
      response.destroy();
    },
    ends: 'cut',
    records: 0,
  },
  'destroys its socket': { run: (request) => void request.socket.destroy(), ends: 'cut', records: 0 },
  'writes to its socket': { run: (request) => request.socket.write('HTTP/1.1 200 OK\r\n\r\n'), ends: 500 },
  'emits an error on its response': { run: (_request, response) => response.emit('error', bug()), ends: 500 },
  'pipes a stream that fails': {
    run(_request, response) {
      const failing = readable(function () {
        this.push(PIECE);
        setImmediate(() => this.destroy(bug()));
      });
      pipeline(failing, response, () => {});
    },
    ends: 'cut',
    records: 0,
  },
  'reads the body twice': {
    async run(request, response) {
      for await (const chunk of request) void chunk;
      for await (const chunk of request) void chunk;
      response.end('read');
    },
    ends: 200,
    body: BIG,
  },
  'reads a part of the body, and throws': {
    run(request, _response, next) {
      request.once('data', () => {
        request.pause();
        next(bug());
      });
    },
    ends: 500,
    body: BIG,
  },
  'responds while its reader waits for the body': {
    run(request, response, _next, world) {
      request.on('error', () => world.events.push('body failed')).on('data', () => {});
      response.end('early');
    },
    ends: 200,
    body: BIG,
  },
  'hangs until the client leaves': { run: (_request, response) => closed(response), ends: 'leaves' },
  'gives up when the client leaves': {
    async run(request, response) {
      await closed(response);
      for await (const chunk of request) void chunk;
    },
    ends: 'leaves',
    except: /Connect/,
  },
  'hangs for ever': { run: () => {}, ends: 'leaves' },
  'hangs for ever with a body': { run: () => {}, ends: 'leaves', body: 'whole' },
  'streams for ever': {
    run(_request, response, _next, world) {
      const endlessly = readable(function () {
        this.push(PIECE);
      });
      endlessly.once('close', () => world.events.push('cancel'));
      pipeline(endlessly, response, () => {});
    },
    ends: 'leaves',
    reads: 200_000,
  },
  'writes after its client has left': {
    async run(_request, response) {
      response.write('half');
      await closed(response);
      response.write('more');
      response.end('all');
    },
    ends: 'leaves',
    reads: 20,
    except: /Connect/,
  },
  'sends back the body of a client that leaves': {
    run: (request, response) => void pipeline(request, response, () => {}),
    ends: 'leaves',
    body: BIG,
    reads: 100_000,
  },
};

export const WEB_WAYS: Readonly<Record<string, Way<WebWay>>> = {
  throws: {
    run() {
      throw bug();
    },
    ends: 500,
  },
  'throws a value that cannot be read': {
    run() {
      throw revoked();
    },
    ends: 500,
  },
  rejects: { run: () => Promise.reject(bug()), ends: 500 },
  'rejects later': {
    async run() {
      await later();
      throw bug();
    },
    ends: 500,
  },
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
  'sets a header with CR LF': { run: (handler) => handler.setHeader('X-A', 'a\r\nX-Evil: 1'), ends: 500 },
  'sets a header name with CR LF': {
    run: (handler) => handler.setHeader('X-Evil: 1\r\nX-A', 'a'),
    ends: 500,
  },
  'sets a reason with CR LF': { run: (handler) => handler.setStatus(200, 'OK\r\nX-Evil: 1'), ends: 200 },
  'sets a cookie with CR LF': { run: (handler) => handler.setCookie('a', 'a\r\nX-Evil: 1'), ends: 500 },
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
  'hangs for ever': { run: () => thenable(() => {}), ends: 'leaves' },
  'hangs for ever with a body': { run: () => thenable(() => {}), ends: 'leaves', body: 'whole' },
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
