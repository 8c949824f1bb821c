import type { Socket } from 'node:net';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import type { AsyncHTTPClient } from '../../src/index.ts';
import { closing, rejection, withSite } from '../fixtures/recording.ts';
import {
  deferred,
  onHead,
  openDescriptors,
  type Peer,
  waitUntil,
  withClient,
  withNodeServer,
  withRawServer,
} from '../fixtures/servers.ts';

/** `count` origins that are one server: every address of 127.0.0.0/8 is local. */
function originsOf({ port }: Peer, count: number): string[] {
  return Array.from(
    { length: count },
    (_, at) => `http://127.0.${1 + Math.trunc(at / 250)}.${1 + (at % 250)}:${port}`,
  );
}

/** A server on all addresses, which responds when a test wants it to. */
function onAllAddresses<T>(test: (peer: Peer, server: AllAddresses) => Promise<T>): Promise<T> {
  const server = new AllAddresses();
  return withRawServer(
    (socket) => server.accept(socket),
    (peer) => test(peer, server),
    '0.0.0.0',
  );
}

class AllAddresses {
  /** The requests without a response, in the order in which they arrived: their path, and how to respond. */
  readonly pending: { readonly path: string; readonly respond: () => void }[] = [];
  readonly order: string[] = [];
  readonly open = new Map<string, number>();
  most = 0;
  mostOfOne = 0;
  automatic = false;

  accept(socket: Socket): void {
    const address = socket.localAddress ?? '';
    this.#count(address, 1);
    socket.on('end', () => socket.end());
    socket.on('close', () => this.#count(address, -1));
    onHead(socket, (head) => {
      const path = / (\S+) /.exec(head)?.[1] ?? '';
      this.order.push(path);
      const respond = (): void =>
        void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
      if (this.automatic) respond();
      else this.pending.push({ path, respond });
    });
  }

  #count(address: string, change: number): void {
    const count = (this.open.get(address) ?? 0) + change;
    if (count === 0) this.open.delete(address);
    else this.open.set(address, count);
    let sum = 0;
    for (const one of this.open.values()) sum += one;
    this.most = Math.max(this.most, sum);
    this.mostOfOne = Math.max(this.mostOfOne, count);
  }
}

/** See `lane-queue.test.ts`. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) % limit;
  };
}

async function turns(count: number): Promise<void> {
  for (let times = 0; times < count; times += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('the limits of the pool', () => {
  it.each([1, 2, 3])(
    'hold in a random schedule over several origins, in which requests are aborted (seed %i)',
    (seed) =>
      onAllAddresses((peer, server) =>
        withClient(
          { maxConnections: 5, maxConnectionsPerOrigin: 2, idleTimeoutMs: 60_000 },
          async (client) => {
            const random = randomOf(seed);
            const origins = originsOf(peer, 7);
            const reason = new Error('aborted');
            const fetches: Promise<unknown>[] = [];
            const controllers: AbortController[] = [];
            let sent = 0;
            for (let step = 0; step < 400; step += 1) {
              const choice = random(10);
              if (choice < 5) {
                const controller = new AbortController();
                const path = `/${sent++}`;
                controllers.push(controller);
                const { signal } = controller;
                fetches.push(
                  client.fetch(`${origins[random(7)]}${path}`, { signal }).then(
                    (response) => expect(response.text()).toBe(path),
                    (error) => expect(error).toBe(reason),
                  ),
                );
              } else if (choice < 9) {
                server.pending.splice(random(server.pending.length + 1), 1)[0]?.respond();
              } else {
                controllers[random(controllers.length + 1)]?.abort(reason);
              }
              if (random(3) === 0) await turns(2);
            }
            server.automatic = true;
            for (const { respond } of server.pending.splice(0)) respond();
            await Promise.all(fetches);
            expect(client.queuedCount).toBe(0);
            expect(client.idleCount).toBeLessThanOrEqual(5);
            expect(new Set(server.order).size).toBe(server.order.length);
            // All slots can still be used: none was lost.
            server.automatic = false;
            const full = origins.slice(0, 5).map((origin) => client.fetch(`${origin}/full`));
            await waitUntil(() => server.pending.length === 5);
            for (const { respond } of server.pending.splice(0)) respond();
            await Promise.all(full);
          },
        ),
      ),
  );

  it('let requests to one origin be served in their order, whatever waits for others [SH-02]', () =>
    onAllAddresses((peer, server) =>
      withClient({ maxConnections: 3, maxConnectionsPerOrigin: 1 }, async (client) => {
        server.automatic = true;
        const origins = originsOf(peer, 6);
        const urls = Array.from({ length: 60 }, (_, at) => `${origins[(at * 5) % 6]}/${(at * 5) % 6}/${at}`);
        await Promise.all(urls.map((url) => client.fetch(url)));
        for (let origin = 0; origin < 6; origin += 1) {
          const own = server.order.filter((path) => path.startsWith(`/${origin}/`));
          expect(own).toEqual(
            urls
              .map((url) => url.slice(url.indexOf('/', 8)))
              .filter((path) => path.startsWith(`/${origin}/`)),
          );
        }
        expect(server.mostOfOne).toBe(1);
      }),
    ));

  it('are kept with requests to 1,000 origins at once, each of which gets its response', () =>
    onAllAddresses((peer, server) =>
      // The last of them wait in the queue for as long as a busy machine takes for the others.
      withClient(
        { maxConnections: 20, defaults: { connectTimeoutMs: 0, requestTimeoutMs: 0 } },
        async (client) => {
          server.automatic = true;
          const origins = originsOf(peer, 1_000);
          expect(new Set(origins).size).toBe(1_000);
          for (const some of [origins, origins.slice(0, 100)]) {
            const texts = await Promise.all(
              some.map(async (origin, at) => (await client.fetch(`${origin}/${at}`)).text()),
            );
            expect(texts).toEqual(some.map((_, at) => `/${at}`));
          }
          expect(client.idleCount).toBeLessThanOrEqual(20);
          expect(client.queuedCount).toBe(0);
          await client.close();
          await waitUntil(() => peer.openSockets() === 0);
        },
      ),
    ));

  it('refuse what would wait with maxQueued 0, and accept it later', () => {
    const gate = deferred();
    return withNodeServer(
      (_, response) => void gate.promise.then(() => response.end('x')),
      ({ url }) =>
        withClient({ maxConnectionsPerOrigin: 1, maxQueued: 0 }, async (client) => {
          const first = client.fetch(url);
          const error = await rejection<{ code: string; message: string }>(client.fetch(url));
          expect(error.code).toBe('ERR_HTTPCLIENT_QUEUE_FULL');
          gate.resolve();
          await first;
          expect((await client.fetch(url)).text()).toBe('x');
        }),
    );
  });
});

describe('a queued request that leaves', () => {
  it.each([0, 1, 2, 3, 4])('from place %i does not disturb the order of the others', (place) => {
    const gate = deferred();
    const order: string[] = [];
    return withNodeServer(
      (request, response) => {
        order.push(request.url ?? '');
        void gate.promise.then(() => response.end());
      },
      ({ url }) =>
        withClient({ maxConnectionsPerOrigin: 1 }, async (client) => {
          const busy = client.fetch(`${url}/busy`);
          const controllers = Array.from({ length: 5 }, () => new AbortController());
          const fetches = controllers.map(({ signal }, at) =>
            client.fetch(`${url}/${at}`, { signal }).catch(() => at),
          );
          controllers[place]?.abort();
          expect(client.queuedCount).toBe(4);
          gate.resolve();
          await busy;
          const results = await Promise.all(fetches);
          expect(results[place]).toBe(place);
          expect(order).toEqual(['/busy', ...['/0', '/1', '/2', '/3', '/4'].filter((_, at) => at !== place)]);
          expect(client.queuedCount).toBe(0);
        }),
    );
  });

  it('is not sent if its signal is aborted in the same turn in which a connection is free', () =>
    withSite(
      (_, response) => response.end(),
      async ({ url, requests }, client) => {
        const controller = new AbortController();
        const first = client.fetch(`${url}/1`, { onHead: () => controller.abort() });
        const second = client.fetch(`${url}/2`, { signal: controller.signal }).catch((error) => error.name);
        await first;
        expect(await second).toBe('AbortError');
        expect((await client.fetch(`${url}/3`)).status).toBe(200);
        expect(requests.map(({ target }) => target)).toEqual(['/1', '/3']);
      },
      { maxConnectionsPerOrigin: 1 },
    ));
});

describe('maxConnectionAgeMs', () => {
  it('replaces a connection that is too old, even if it is used all the time', async () => {
    const clock = new VirtualClock();
    await withNodeServer(
      (_, response) => response.end('x'),
      ({ url, sockets }) =>
        withClient({ loop: new IOLoop({ clock }), maxConnectionAgeMs: 10_000 }, async (client) => {
          for (let times = 0; times < 6; times += 1) {
            await client.fetch(url);
            await clock.advance(3_000);
          }
          expect(sockets).toHaveLength(2);
          expect(client.idleCount).toBe(1);
        }),
    );
  });

  it('closes a connection after the request during which it became too old', async () => {
    const clock = new VirtualClock();
    await withNodeServer(
      (_, response) => void clock.advance(11_000).then(() => response.end('x')),
      ({ url, sockets, openSockets }) =>
        withClient({ loop: new IOLoop({ clock }), maxConnectionAgeMs: 10_000 }, async (client) => {
          expect((await client.fetch(url)).text()).toBe('x');
          expect(client.idleCount).toBe(0);
          await waitUntil(() => openSockets() === 0);
          expect(sockets).toHaveLength(1);
        }),
    );
  });
});

describe('close()', () => {
  /** What a fetch is doing when the client is closed. */
  const phases: Readonly<Record<string, (client: AsyncHTTPClient, url: string) => Promise<unknown>>> = {
    'waits for a response': (client, url) => client.fetch(url),
    'waits in the queue': (client, url) => {
      void client.fetch(url).catch(() => {});
      return client.fetch(url);
    },
    'sends its body': (client, url) => client.fetch(url, { method: 'POST', body: Buffer.alloc(30_000_000) }),
    'produces its body': (client, url) =>
      client.fetch(url, { method: 'POST', bodyProducer: () => new Promise(() => {}) }),
    'waits for 100 Continue': (client, url) =>
      client.fetch(url, { method: 'POST', body: 'x', expectContinue: true }),
    'makes a TLS handshake': (client, url) => client.fetch(url.replace('http:', 'https:')),
    'receives a body': (client, url) => client.fetch(`${url}/body`),
    'holds the body by onData': (client, url) =>
      client.fetch(`${url}/body`, { onData: () => new Promise(() => {}) }),
    'holds the head by onHead': (client, url) =>
      client.fetch(`${url}/body`, { onHead: () => new Promise(() => {}) }),
    'streams a body': async (client, url) => (await client.stream(`${url}/body`)).bytes(),
    'discards the body of a redirect': (client, url) => client.fetch(`${url}/redirect`),
  };

  it.each(Object.keys(phases))('rejects a fetch that %s, and closes its connection', (phase) =>
    withRawServer(
      closing((socket) =>
        socket.once('data', (head: Buffer) => {
          if (head.includes('/body')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello');
          if (head.includes('/redirect'))
            socket.write('HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 10\r\n\r\nhello');
        }),
      ),
      ({ url, sockets, openSockets }) =>
        withClient({ maxConnectionsPerOrigin: 1 }, async (client) => {
          const before = openDescriptors();
          const outcome = rejection(phases[phase]?.(client, url) ?? Promise.resolve());
          await waitUntil(() => sockets.length > 0);
          await turns(20);
          await client.close();
          expect(await outcome).toMatchObject({ code: 'ERR_HTTPCLIENT_STOPPED' });
          await waitUntil(() => openSockets() === 0 && openDescriptors() <= before);
          expect([client.idleCount, client.queuedCount]).toEqual([0, 0]);
          await client.close();
        }),
    ),
  );

  it('resolves at once if there was no request, and closes idle connections', () =>
    withSite(
      (_, response) => response.end(),
      async ({ url, openSockets }, client) => {
        await client.fetch(url);
        expect(client.idleCount).toBe(1);
        await client.close();
        await waitUntil(() => openSockets() === 0);
      },
    ));
});
