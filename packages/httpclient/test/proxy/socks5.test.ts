import { beforeAll, describe, expect, it } from 'vitest';
import { ProxySettings } from '../../src/proxy/proxy-settings.ts';
import { connectThroughSocks5 } from '../../src/proxy/socks5.ts';
import {
  dial,
  dialWithClock,
  host,
  type ProxyScript,
  type ProxySocket,
  warmUp,
  withHostileProxy,
} from '../fixtures/hostile-proxies.ts';
import { openDescriptors, type Peer, waitUntil } from '../fixtures/servers.ts';

beforeAll(warmUp);

const bytes = (...list: (number | string)[]) =>
  Buffer.concat(
    list.map((one) => (typeof one === 'string' ? Buffer.from(one, 'latin1') : Buffer.from([one]))),
  );
const GRANTED = bytes(5, 0, 0, 1, 127, 0, 0, 1, 0, 80);

const settingsFor = (peer: Peer, user = '') => ProxySettings.from(`socks5://${user}${host}:${peer.port}`);
const connected = async (peer: Peer, user = '', options = {}) =>
  connectThroughSocks5(await dial(peer.port), 'a.example', 443, settingsFor(peer, user), options);

/** Reads the request, which is for `a.example`, port 443. */
const request = (socket: ProxySocket) => socket.read(4 + 1 + 9 + 2);

function failure(script: ProxyScript, user = ''): Promise<unknown> {
  return withHostileProxy(script, async (peer) => {
    const before = openDescriptors();
    const error = await connected(peer, user).catch((reason: unknown) => reason);
    for (const socket of peer.sockets) socket.end();
    await waitUntil(() => peer.openSockets() === 0);
    await waitUntil(() => openDescriptors() <= before);
    return error;
  });
}

describe('connectThroughSocks5', () => {
  it('sends the name for the proxy to resolve, and leaves the bytes after the reply (RFC 1928) [CU-01]', async () => {
    const received: Buffer[] = [];
    await withHostileProxy(
      async (socket) => {
        received.push(await socket.read(3));
        socket.write(bytes(5, 0));
        received.push(await request(socket));
        socket.write(bytes(GRANTED.toString('latin1'), 'tunnel'));
      },
      async (peer) => {
        await using stream = await connected(peer);
        expect((await stream.readBytes(6)).toString()).toBe('tunnel');
      },
    );
    expect(received).toEqual([bytes(5, 1, 0), bytes(5, 1, 0, 3, 9, 'a.example', 443 >> 8, 443 & 0xff)]);
  });

  it.each([
    ['an IPv4 address', GRANTED],
    ['an IPv6 address', bytes(5, 0, 0, 4, '\0'.repeat(16), 0, 80)],
    ['a name', bytes(5, 0, 0, 3, 3, 'a.b', 0, 80)],
    ['the longest name', bytes(5, 0, 0, 3, 255, 'x'.repeat(255), 0, 80)],
    ['an empty name', bytes(5, 0, 0, 3, 0, 0, 80)],
  ])(
    'accepts a reply with %s, byte by byte, and authenticates before (RFC 1929) [CU-01]',
    async (_what, reply) => {
      const received: Buffer[] = [];
      await withHostileProxy(
        async (socket) => {
          received.push(await socket.read(4));
          await socket.writeByBytes(bytes(5, 2));
          received.push(await socket.read(1 + 1 + 4 + 1 + 6));
          await socket.writeByBytes(bytes(1, 0));
          await request(socket);
          await socket.writeByBytes(bytes(reply.toString('latin1'), 'tunnel'));
        },
        async (peer) => {
          await using stream = await connected(peer, 'user:secret@');
          expect((await stream.readBytes(6)).toString()).toBe('tunnel');
        },
      );
      expect(received).toEqual([bytes(5, 2, 0, 2), bytes(1, 4, 'user', 6, 'secret')]);
    },
  );

  it.each<[string, readonly (Buffer | 'request' | 'credentials' | 'end')[], object]>([
    ['SOCKS4', [bytes(0, 90)], { cause: { code: 'ERR_SOCKS5_PROTOCOL' } }],
    ['an HTTP proxy', [bytes('HTTP/1.1 400 Bad Request\r\n\r\n')], { message: /speak HTTP/ }],
    ['no acceptable method', [bytes(5, 0xff)], { cause: { code: 'ERR_SOCKS5_REFUSED' } }],
    ['a method that was not offered', [bytes(5, 1)], { message: /0x01, which was not offered/ }],
    ['wrong credentials', [bytes(5, 2), 'credentials', bytes(1, 1)], { message: /refused the credentials/ }],
    ['another version of authentication', [bytes(5, 2), 'credentials', bytes(5, 0)], { message: /version/ }],
    [
      'Host unreachable',
      [bytes(5, 0), 'request', bytes(5, 4, 0, 1)],
      { reply: 4, message: /Host unreachable/ },
    ],
    [
      'an unassigned reply',
      [bytes(5, 0), 'request', bytes(5, 99, 0, 9)],
      { reply: 99, message: /unassigned/ },
    ],
    [
      'another version in the reply',
      [bytes(5, 0), 'request', bytes(4, 0, 0, 1)],
      { message: /version is 0x04/ },
    ],
    [
      'an unknown address type',
      [bytes(5, 0), 'request', bytes(5, 0, 0, 2)],
      { message: /address type 0x02/ },
    ],
    ['an end at once', ['end'], { cause: { code: 'ERR_STREAM_CLOSED' } }],
    ['an end in the choice', [bytes(5), 'end'], { cause: { code: 'ERR_STREAM_CLOSED' } }],
    ['an end after the choice', [bytes(5, 0), 'end'], { cause: { code: 'ERR_STREAM_CLOSED' } }],
    [
      'an end in the reply',
      [bytes(5, 0), 'request', bytes(5, 0, 0), 'end'],
      { cause: { code: 'ERR_STREAM_CLOSED' } },
    ],
    ['an end in a name', [bytes(5, 0), 'request', bytes(5, 0, 0, 3, 9, 'a.ex'), 'end'], { reply: undefined }],
    ['an end before the port', [bytes(5, 0), 'request', bytes(5, 0, 0, 1, 1, 2, 3, 4, 0), 'end'], {}],
  ])('reports %s [CU-01]', async (_what, steps, { message, ...expected }: { message?: RegExp }) => {
    const error = await failure(async (socket) => {
      await socket.read(4);
      for (const step of steps) {
        if (step === 'request') await request(socket);
        else if (step === 'credentials') await socket.read(1 + 1 + 4 + 1 + 7);
        else if (step === 'end') socket.end();
        else socket.write(step);
      }
    }, 'user:hunter2@');
    expect(error).toMatchObject({
      code: 'ERR_HTTPCLIENT_PROXY',
      proxy: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      message: expect.stringMatching(message ?? /^proxy 127/),
      proxyStatus: undefined,
      ...expected,
    });
    expect(String(error)).not.toContain('hunter2');
  });

  it('ends after timeoutMs [CU-01]', async () => {
    await withHostileProxy(
      async (socket) => {
        await socket.read(3);
        socket.write(bytes(5));
      },
      async (peer) => {
        const { stream, clock } = await dialWithClock(peer.port);
        const connecting = connectThroughSocks5(stream, 'a.example', 443, settingsFor(peer), {
          timeoutMs: 5_000,
        });
        const settled = connecting.catch((error: unknown) => error);
        await waitUntil(() => stream.bytesReceived === 1);
        void clock.advance(5_000);
        expect(await settled).toMatchObject({
          code: 'ERR_HTTPCLIENT_PROXY',
          message: expect.stringMatching(/5000 ms/),
        });
        expect(stream.isClosed).toBe(true);
      },
    );
  });

  it.each(['before', 'after'])('rejects with the reason of a signal that aborts %s [CU-01]', async (when) => {
    await withHostileProxy(
      () => {},
      async (peer) => {
        const controller = new AbortController();
        const { signal } = controller;
        const stream = await dial(peer.port);
        if (when === 'before') controller.abort('enough');
        const connecting = connectThroughSocks5(stream, 'a.example', 443, settingsFor(peer), { signal });
        const settled = connecting.catch((error: unknown) => error);
        if (when === 'after') {
          await waitUntil(() => stream.bytesSent > 0);
          controller.abort('enough');
        }
        expect(await settled).toBe('enough');
        expect(stream.isClosed).toBe(true);
      },
    );
  });

  it.each<[string, number, object]>([
    ['x'.repeat(256), 443, {}],
    ['bücher.example', 443, {}],
    ['', 443, {}],
    ['a.example', 0, {}],
    ['a.example', 443, { timeout: 1 }],
    ['a.example', 443, { timeoutMs: -1 }],
  ])('refuses %j port %i with %j, and closes the stream [CU-01]', async (name, port, options) => {
    await withHostileProxy(
      () => {},
      async (peer) => {
        const stream = await dial(peer.port);
        await expect(
          connectThroughSocks5(stream, name, port, settingsFor(peer), options),
        ).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_USAGE' });
        expect([stream.isClosed, stream.bytesSent]).toEqual([true, 0]);
      },
    );
  });
});
