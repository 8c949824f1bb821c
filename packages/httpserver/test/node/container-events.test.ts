import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { type NotingHandler, noteEvents, notesOfBoth } from '../fixtures/node-servers.ts';
import { converse, RawClient } from '../fixtures/raw-client.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const LAST_GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const POST_HEAD = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';
const POST = `${POST_HEAD}Content-Length: 5\r\n\r\nhello`;
const CHUNKED_POST = `${POST_HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Check: b\r\n\r\n`;
const HALF_POST = `${POST_HEAD}Content-Length: 500000\r\n\r\nhello`;

/** The noted events without the state. */
const namesOf = (notes: readonly string[]): string[] => notes.map((note) => note.split(' ', 2).join(' '));

type Client = (port: number) => Promise<unknown>;
const sends =
  (text: string): Client =>
  (port) =>
    converse(port, text);

/** Sends a request, waits until the handler runs, and leaves. */
function leaves(text: string, started: () => boolean, leave: (client: RawClient) => unknown): Client {
  return async (port) => {
    const client = await RawClient.connect({ port }, text);
    while (!started()) await new Promise((resolve) => setImmediate(resolve));
    leave(client);
  };
}

function noting(
  handle: (request: IncomingMessage, response: ServerResponse, note: (text: string) => void) => void,
): NotingHandler {
  return (request, response, note) => {
    noteEvents(request, response, note);
    handle(request, response, note);
    note('handler returned');
  };
}

const complete: Record<string, readonly [NotingHandler, Client]> = {
  'a response without a body': [noting((_request, response) => void response.end()), sends(LAST_GET)],
  'a response to a request that is not read': [
    noting((_request, response) => void response.end('x')),
    sends(LAST_GET),
  ],
  'a response on a connection that stays open': [
    noting((_request, response) => void response.end('x')),
    async (port) => {
      const client = await RawClient.connect({ port }, GET);
      await client.until((text) => text.endsWith('x'));
      client.close();
    },
  ],
  'a response in pieces, with callbacks': [
    noting((_request, response, note) => {
      note(`write returned ${response.write('x', () => note('written'))}`);
      response.end('y', () => note('ended'));
    }),
    sends(LAST_GET),
  ],
  'a body with a length': [
    noting((request, response, note) => {
      request.on('data', (chunk) => note(`data ${chunk}`));
      request.on('end', () => response.end('z'));
    }),
    sends(POST),
  ],
  'a chunked body with trailers': [
    noting((request, response, note) => {
      request.on('data', (chunk) => note(`data ${chunk}`));
      request.on('end', () => {
        note(JSON.stringify([request.trailers, request.rawTrailers]));
        response.end('z');
      });
    }),
    sends(CHUNKED_POST),
  ],
  'a body that is not read': [noting((_request, response) => void response.end('z')), sends(POST)],
  'bytes that are put back': [
    noting((request, response, note) => {
      request.once('readable', () => {
        request.unshift(Buffer.from('>'));
        request.on('data', (chunk) => note(`data ${chunk}`));
        request.on('end', () => response.end());
      });
    }),
    sends(CHUNKED_POST),
  ],
};

describe('the events of a request and its response, compared with node:http', () => {
  it.each(Object.entries(complete))('are the same for %s', async (_name, [handler, client]) => {
    const notes = await notesOfBoth(handler, client);
    expect(notes.container).toEqual(notes.node);
    expect(namesOf(notes.container.response)).toContain('response finish');
  });
});

describe('the events if the client leaves, compared with node:http', () => {
  const handlers: Record<string, readonly [string, (q: IncomingMessage, s: ServerResponse) => void]> = {
    'before the response, with the request unread': [GET, () => {}],
    'before the response, with the request read': [GET, (request) => void request.resume()],
    'in the middle of the body': [HALF_POST, (request) => void request.resume()],
    'in the middle of a body that is not read': [HALF_POST, () => {}],
    'in the middle of the response': [GET, (_request, response) => void response.write('x')],
  };

  const ways: Record<string, (client: RawClient) => unknown> = {
    'reset of the connection': (client) => client.reset(),
    'end of its side': (client) => client.socket.end(),
  };
  const cases = Object.entries(ways).flatMap(([way, leave]) =>
    Object.entries(handlers).map(([when, [text, handle]]) => ({ way, when, leave, text, handle })),
  );

  it.each(cases)('are the same by a $way $when', async ({ leave, text, handle }) => {
    let runs = 0;
    const handler = noting((request, response) => {
      handle(request, response);
      runs += 1;
    });
    let seen = 0;
    const notes = await notesOfBoth(
      handler,
      leaves(
        text,
        () => {
          if (runs === seen) return false;
          seen = runs;
          return true;
        },
        leave,
      ),
    );
    expect(notes.container).toEqual(notes.node);
    expect(namesOf(notes.container.response)).not.toContain('response finish');
  });
});

describe('destroying, compared with node:http', () => {
  it.each<[string, (q: IncomingMessage, s: ServerResponse) => void]>([
    ['the response', (_request, response) => void response.destroy()],
    ['the response with an error', (_request, response) => void response.destroy(new Error('no'))],
    ['the socket', (request) => void request.socket.destroy()],
    ['the socket with an error', (request) => void request.socket.destroy(new Error('no'))],
  ])('has the same events for %s', async (_name, destroy) => {
    const handler = noting((request, response, note) => {
      destroy(request, response);
      note(`destroyed: ${request.destroyed} ${response.destroyed} ${request.socket.destroyed}`);
    });
    const notes = await notesOfBoth(handler, sends(LAST_GET));
    expect(notes.container).toEqual(notes.node);
  });

  it('resets the connection if the request is destroyed before its response is complete', async () => {
    const handler = noting((request) => void request.destroy());
    const notes = await notesOfBoth(handler, sends(LAST_GET));
    for (const { request, response } of [notes.node, notes.container]) {
      expect(namesOf(request)).toEqual(['request aborted', 'request close']);
      expect(namesOf(response)).toEqual(['response close']);
    }
  });
});

describe('wrong calls, compared with node:http', () => {
  const attempts: Record<string, (response: ServerResponse) => unknown> = {
    'write(null)': (response) => response.write(null),
    'write(5)': (response) => response.write(5),
    'end({})': (response) => response.end({}),
    'an invalid status': (response) => response.writeHead(1000),
    'an invalid name': (response) => response.setHeader('a b', 'c'),
    'an invalid value': (response) => response.setHeader('a', 'c\n'),
    'an invalid value for writeHead': (response) => response.writeHead(200, { x: 'a\r\n' }),
    'an invalid reason': (response) => response.writeHead(200, 'a\r\nb'),
    'two heads': (response) => response.writeHead(200, 'OK') && response.writeHead(200),
    'a header after the head': (response) => response.setHeader('a', 'b'),
    'removing a header after the head': (response) => response.removeHeader('a'),
    'an unknown encoding': (response) => response.write('x', 'none' as BufferEncoding),
    'an invalid trailer': (response) => response.addTrailers({ a: 'b\n' }),
  };

  it('throw the same errors', async () => {
    const handler: NotingHandler = (request, response, note) => {
      noteEvents(request, response, note);
      for (const [name, attempt] of Object.entries(attempts)) {
        try {
          attempt(response);
          note(`${name}: done`);
        } catch (error) {
          note(`${name}: ${(error as { code?: string }).code}`);
        }
      }
      response.end();
    };
    const notes = await notesOfBoth(handler, sends(LAST_GET));
    expect(notes.container).toEqual(notes.node);
    expect(notes.container.other).toContain('two heads: ERR_HTTP_HEADERS_SENT');
  });

  it('report a write after the end by the event error and the callback', async () => {
    const handler = noting((_request, response, note) => {
      const noted = (name: string) => (error?: unknown) =>
        note(`${name} ${(error as { code?: string }).code}`);
      response.end('a');
      note(`write returned ${response.write('b', noted('write'))}`);
      response.end('c', noted('end') as () => void);
    });
    const notes = await notesOfBoth(handler, sends(LAST_GET));
    expect(notes.container).toEqual(notes.node);
    expect(notes.container.other).toContain('write ERR_STREAM_WRITE_AFTER_END');
  });

  it('report a write after the end if there is no listener but for the error', async () => {
    const notes = await notesOfBoth(
      (_request, response, note) => {
        response.on('error', (error: NodeJS.ErrnoException) => note(`error ${error.code}`));
        response.end('done');
        response.write('more');
        response.end('more still');
      },
      sends(LAST_GET),
      ['error'],
    );
    expect(notes.container.other).toEqual([
      'error ERR_STREAM_WRITE_AFTER_END',
      'error ERR_STREAM_WRITE_AFTER_END',
    ]);
    expect(notes.container).toEqual(notes.node);
  });

  it('report a write after destroying by the callback only', async () => {
    const handler = noting((_request, response, note) => {
      response.destroy();
      note(`returned ${response.write('b', (error) => note(`write ${(error as { code?: string }).code}`))}`);
    });
    const notes = await notesOfBoth(handler, sends(LAST_GET));
    expect(notes.container).toEqual(notes.node);
    expect(notes.container.other).toContain('write ERR_STREAM_DESTROYED');
  });
});
