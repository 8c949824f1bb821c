import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { RequestHandler } from '../../../src/index.ts';
import { PLACES } from './places.ts';
import { HostileClient } from './world.ts';

const REQUESTS = 15;

function listenersOf({ socket }: IncomingMessage): number {
  return socket.eventNames().reduce((count, name) => count + socket.listenerCount(name), 0);
}

class Unused extends RequestHandler {}

describe.each(PLACES.filter(({ kind }) => kind !== 'web'))(
  'the socket of requests to $name',
  ({ prefix, open }) => {
    it('has as many listeners at the last request of a connection as at the second', async () => {
      const counts: number[] = [];
      const place = await open({
        fetch(request, { incoming }) {
          counts.push(listenersOf(incoming));
          request.signal.addEventListener('abort', () => {});
          if (counts.length % 3 === 0) throw new Error('a bug');
          return new Response('text');
        },
        node(request, response) {
          counts.push(listenersOf(request));
          response.on('close', () => {});
          if (counts.length % 3 === 0) throw new Error('a bug');
          response.end('text');
        },
        web: Unused,
      });
      const client = await HostileClient.connect(place.port);
      for (let sent = 1; sent <= REQUESTS; sent += 1) {
        const { length } = client.text;
        client.socket.write(`GET ${prefix}/a HTTP/1.1\r\nHost: a.test\r\n\r\n`);
        await client.read(length + 1);
      }
      expect(counts).toHaveLength(REQUESTS);
      expect(counts.at(-1)).toBe(counts[1]);
      client.socket.destroy();
      await place.stop();
    });
  },
);
