import type { IncomingMessage, ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import express from 'express';
import { describe, expect, it } from 'vitest';
import { FetchContainer } from '../../src/fetch/index.ts';
import { NodeContainer } from '../../src/node/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { withServer } from '../fixtures/running-server.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello';

type Note = (request: IncomingMessage, response: ServerResponse) => void;

const ignore = (): void => {};
const servers: Record<string, (note: Note) => HTTPServerConnectionDelegate> = {
  'a function': (note) =>
    new NodeContainer((request, response) => {
      note(request, response);
      response.end('complete');
    }),
  'a function that adds listeners to the request, the response and the socket': (note) =>
    new NodeContainer((request, response) => {
      note(request, response);
      request.setTimeout(1_000_000).on('close', ignore);
      response.on('finish', ignore).on('close', ignore);
      (request as { signal?: AbortSignal }).signal?.addEventListener('abort', ignore);
      response.end('complete');
    }),
  'an Express application': (note) => {
    const app = express();
    app.use(express.text({ type: () => true }), (request, response) => {
      note(request, response);
      response.send('complete');
    });
    return new NodeContainer(app);
  },
  'a Fetch handler that uses the objects of node:http': (note) =>
    new FetchContainer((_request, { incoming, outgoing }) => {
      note(incoming, outgoing);
      return new Response('complete');
    }),
};

describe.each(Object.entries(servers))('the request and response of %s', (_name, serve) => {
  it.each([
    ['GET', GET],
    ['POST', POST],
  ])('are garbage after the response to %s, while the connection is open', (_method, text) => {
    const references: WeakRef<object>[] = [];
    const delegate = serve((request, response) => {
      references.push(new WeakRef(request), new WeakRef(response));
    });
    return withServer(delegate, async ({ port }) => {
      const client = await RawClient.connect({ port }, text);
      await client.until((received) => received.endsWith('complete'));
      expect(references).toHaveLength(2);
      for (const reference of references) {
        do {
          // `deref` keeps the object for the rest of the job in which it is called.
          await new Promise(setImmediate);
          collectGarbage();
        } while (reference.deref() !== undefined);
      }
      expect(client.ended).toBe(false);
      client.close();
    });
  });
});
