import { pipeline, Readable } from 'node:stream';
import type { NodeWay } from '../world.ts';
import { BIG, bug, INJECTION, PIECE, THROWING, thenable, type Way } from './way.ts';

const closed = (emitter: { once(name: string, listener: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => emitter.once('close', () => resolve()));

const readable = (read: (this: Readable) => void): Readable => new Readable({ read });

export const NODE_WAYS: Readonly<Record<string, Way<NodeWay>>> = {
  throws: THROWING.throws,
  // These frameworks read what was thrown.
  'throws an unreadable value': { ...THROWING['throws an unreadable value'], except: /Express|Connect/ },
  rejects: { ...THROWING.rejects, except: /Connect/ },
  'rejects later': { ...THROWING['rejects later'], except: /Connect/ },
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
      next(Object.assign(bug(), { status: 503, headers: { 'X-A': INJECTION } })),
    ends: 503,
  },
  'passes on an error of the client with invalid header fields': {
    run: (_request, _response, next) =>
      next(Object.assign(bug(), { status: 429, headers: { 'X-A': INJECTION } })),
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
    run: (_request, response) => response.setHeader('X-A', INJECTION).end('text'),
    ends: 500,
  },
  'appends a header with CR LF': {
    run: (_request, response) => response.appendHeader('X-A', ['a', INJECTION]).end('text'),
    ends: 500,
  },
  'writes a head with CR LF': {
    run: (_request, response) => response.writeHead(200, { 'X-A': INJECTION }).end('text'),
    ends: 500,
  },
  'writes a list of fields with CR LF': {
    run: (_request, response) => response.writeHead(200, ['X-A', INJECTION]).end('text'),
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
      response.writeEarlyHints({ link: '</a>; rel=preload', 'x-a': INJECTION });
      response.end('text');
    },
    ends: 500,
  },
  'adds trailers with CR LF': {
    run(_request, response) {
      response.setHeader('Trailer', 'X-A');
      response.write('half');
      response.addTrailers({ 'X-A': INJECTION });
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
