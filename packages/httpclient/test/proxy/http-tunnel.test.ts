import type { ResponseHead } from '@landspout/http1';
import { beforeAll, describe, expect, it } from 'vitest';
import { openTunnel, type TunnelOptions } from '../../src/proxy/http-tunnel.ts';
import { ProxySettings } from '../../src/proxy/proxy-settings.ts';
import {
  dial,
  dialWithClock,
  host,
  type ProxyScript,
  warmUp,
  withHostileProxy,
} from '../fixtures/hostile-proxies.ts';
import { openDescriptors, type Peer, waitUntil } from '../fixtures/servers.ts';

beforeAll(warmUp);

const AUTHORITY = 'a.example:443';
const CHALLENGE = 'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Digest realm="r"\r\n';

const settingsFor = (peer: Peer, user = '') => ProxySettings.from(`http://${user}${host}:${peer.port}`);

/** Opens a tunnel through a proxy that does what `script` says. */
async function tunnelled(peer: Peer, options: TunnelOptions = {}, user = '') {
  return openTunnel(await dial(peer.port), AUTHORITY, settingsFor(peer, user), options);
}

/** The error of a tunnel through a proxy that does what `script` says; afterwards its connections are closed. */
function failure(script: ProxyScript, options: TunnelOptions = {}, user = ''): Promise<unknown> {
  return withHostileProxy(script, async (peer) => {
    const before = openDescriptors();
    const error = await tunnelled(peer, options, user).catch((reason: unknown) => reason);
    for (const socket of peer.sockets) socket.end();
    await waitUntil(() => peer.openSockets() === 0);
    await waitUntil(() => openDescriptors() <= before);
    return error;
  });
}

describe('openTunnel', () => {
  it('sends CONNECT with the headers of the proxy, and passes on what follows the head [CU-01]', async () => {
    const heads: string[] = [];
    await withHostileProxy(
      async (socket) => {
        heads.push(await socket.head());
        socket.write('HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\nfirst');
        socket.write(await socket.read(5));
      },
      async (peer) => {
        const proxy = ProxySettings.from({
          url: `http://${host}:${peer.port}`,
          username: 'user',
          password: 'secret',
          headers: { 'X-Site': 'one' },
        });
        await using stream = await openTunnel(await dial(peer.port), AUTHORITY, proxy);
        void stream.write('again');
        expect((await stream.readBytes(10)).toString()).toBe('firstagain');
      },
    );
    const credentials = Buffer.from('user:secret').toString('base64');
    expect(heads).toEqual([
      `CONNECT ${AUTHORITY} HTTP/1.1\r\nX-Site: one\r\nProxy-Authorization: Basic ${credentials}\r\nHost: ${AUTHORITY}\r\n\r\n`,
    ]);
  });

  it.each([
    ['byte by byte', 'HTTP/1.1 200 OK\r\n\r\ntunnel'],
    ['as HTTP/1.0, after interim responses', 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 204 x\r\n\r\ntunnel'],
  ])('accepts a response that arrives %s [CU-01]', async (_how, wire) => {
    await withHostileProxy(
      async (socket) => {
        await socket.head();
        await socket.writeByBytes(wire);
      },
      async (peer) => {
        await using stream = await tunnelled(peer);
        expect((await stream.readBytes(6)).toString()).toBe('tunnel');
      },
    );
  });

  it.each<[string, string, object]>([
    ['another status', 'HTTP/1.1 403 For"bidden\r\nContent-Length: 99\r\n\r\n', { proxyStatus: 403 }],
    ['a page that never ends', 'HTTP/1.1 502 Bad Gateway\r\n\r\nxxxx', { proxyStatus: 502 }],
    ['a page of 9 GB', 'HTTP/1.1 503 No\r\nContent-Length: 9000000000\r\n\r\n', { proxyStatus: 503 }],
    ['a redirect', 'HTTP/1.1 302 Found\r\nLocation: http://evil/\r\n\r\n', { proxyStatus: 302 }],
    ['407 without credentials', `${CHALLENGE}\r\n`, { proxyStatus: 407, message: /requires a username/ }],
    ['garbage', 'SSH-2.0-OpenSSH_9.2\r\n', { cause: { code: 'ERR_HTTP1_BAD_STATUS_LINE' } }],
    ['a SOCKS reply', '\x05\xff', { cause: { code: 'ERR_HTTP1_BAD_STATUS_LINE' } }],
    ['a 101', 'HTTP/1.1 101 x\r\nUpgrade: y\r\n\r\n', { cause: { code: 'ERR_HTTP1_UNSOLICITED_RESPONSE' } }],
    [
      'a head without end',
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`,
      { cause: { code: 'ERR_HTTP1_HEAD_TOO_LARGE' } },
    ],
    [
      'interim responses without end',
      'HTTP/1.1 100 x\r\n\r\n'.repeat(30),
      { cause: { code: expect.stringContaining('ERR_HTTP1_') } },
    ],
  ])('reports %s [CU-01]', async (_what, wire, { message, ...expected }: { message?: RegExp }) => {
    const error = await failure(async (socket) => {
      await socket.head();
      socket.write(wire);
    });
    expect(error).toMatchObject({
      code: 'ERR_HTTPCLIENT_PROXY',
      proxy: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      message: expect.stringMatching(message ?? /^proxy 127\.0\.0\.1:\d+: .*CONNECT a\.example:443/),
      proxyStatus: undefined,
      ...expected,
    });
  });

  it.each([
    ['before a byte', ''],
    ['in the head', 'HTTP/1.1 200 OK\r\nX-Y'],
    ['in the status line', 'HT'],
  ])('reports a proxy that closes the connection %s [CU-01]', async (_when, wire) => {
    const error = await failure(async (socket) => {
      await socket.head();
      socket.end(wire);
    });
    expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_PROXY', proxyStatus: undefined });
  });

  it('reports a reset [CU-01]', async () => {
    const error = await failure(async (socket) => {
      await socket.head();
      socket.socket.resetAndDestroy();
    });
    expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_PROXY', cause: { code: 'ERR_HTTP_CLOSED' } });
  });

  it('says that basic credentials were refused, without showing them [CU-01] [CU-08]', async () => {
    const error = await failure(
      async (socket) => {
        await socket.head();
        socket.write(`${CHALLENGE}Content-Length: 0\r\n\r\n`);
      },
      {},
      'user:hunter2@',
    );
    expect(error).toMatchObject({
      proxyStatus: 407,
      message: expect.stringMatching(/refused the credentials .*"Digest realm/),
    });
    expect(String(error)).not.toContain('hunter2');
    expect(String(error)).not.toContain(Buffer.from('user:hunter2').toString('base64'));
  });
});

describe('openTunnel, challenged', () => {
  it('repeats the request with credentials on the same connection, after the page [CU-01] [CU-02]', async () => {
    const heads: string[] = [];
    const challenges: ResponseHead[] = [];
    await withHostileProxy(
      async (socket) => {
        heads.push(await socket.head());
        socket.write(`${CHALLENGE}Content-Length: 10\r\n\r\n01234`);
        await new Promise((resolve) => setImmediate(resolve));
        socket.write('56789');
        heads.push(await socket.head());
        socket.write('HTTP/1.1 200 OK\r\n\r\nopen');
      },
      async (peer) => {
        const authorize = (head: ResponseHead) => {
          challenges.push(head);
          return 'Digest response="x"';
        };
        await using stream = await tunnelled(peer, { authorize });
        expect((await stream.readBytes(4)).toString()).toBe('open');
        expect(peer.sockets.length).toBe(1);
      },
    );
    expect(heads.map((head) => head.includes('Proxy-Authorization'))).toEqual([false, true]);
    expect(heads[1]).toContain('\r\nProxy-Authorization: Digest response="x"\r\n');
    expect(challenges.map((head) => head.headers.get('Proxy-Authenticate'))).toEqual(['Digest realm="r"']);
  });

  it.each([
    ['that the proxy closes', 'Connection: close\r\nContent-Length: 2\r\n\r\nno', true],
    ['that has no length', '\r\nno', true],
    ['whose page exceeds the limit', `Content-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`, false],
    ['whose page is cut', 'Content-Length: 70\r\n\r\nno', true],
  ])('opens a new connection instead of one %s [CU-01] [CU-02]', async (_what, rest, ends) => {
    await withHostileProxy(
      async (socket, count) => {
        await socket.head();
        if (count === 2) socket.write('HTTP/1.1 200 OK\r\n\r\nopen');
        else if (ends) socket.end(`${CHALLENGE}${rest}`);
        else socket.write(`${CHALLENGE}${rest}`);
      },
      async (peer) => {
        const reconnect = () => dial(peer.port);
        await using stream = await tunnelled(peer, { authorize: () => 'Digest x', reconnect });
        expect((await stream.readBytes(4)).toString()).toBe('open');
        expect(peer.sockets.length).toBe(2);
        peer.sockets[0]?.end();
        await waitUntil(() => peer.openSockets() === 1);
      },
    );
  });

  it('reports the challenge if no new connection can be opened [CU-01]', async () => {
    const closing: ProxyScript = async (socket) => {
      await socket.head();
      socket.end(`${CHALLENGE}Connection: close\r\n\r\n`);
    };
    const authorize = () => 'Digest x';
    expect(await failure(closing, { authorize })).toMatchObject({
      proxyStatus: 407,
      message: expect.stringContaining('closed the connection after it had requested credentials'),
    });
    const refused = new Error('refused');
    expect(await failure(closing, { authorize, reconnect: () => Promise.reject(refused) })).toMatchObject({
      code: 'ERR_HTTPCLIENT_PROXY',
      cause: refused,
    });
  });

  it('meets two challenges at most [CU-01] [CU-02]', async () => {
    let requests = 0;
    let asked = 0;
    const error = await failure(
      async (socket) => {
        for (;;) {
          await socket.head();
          requests += 1;
          socket.write(`${CHALLENGE}Content-Length: 0\r\n\r\n`);
        }
      },
      { authorize: () => `Digest ${++asked}` },
    );
    expect(error).toMatchObject({
      proxyStatus: 407,
      message: expect.stringContaining('refused the credentials'),
    });
    expect([requests, asked]).toEqual([3, 2]);
  });

  it('gives up if there is no response to the challenge, and passes on what authorize throws [CU-01]', async () => {
    const challenging: ProxyScript = async (socket) => {
      await socket.head();
      socket.write(`${CHALLENGE}Content-Length: 0\r\n\r\n`);
    };
    expect(await failure(challenging, { authorize: () => undefined })).toMatchObject({ proxyStatus: 407 });
    const fault = new Error('fault');
    const authorize = () => {
      throw fault;
    };
    expect(await failure(challenging, { authorize })).toBe(fault);
    // A value that must not be sent.
    const unfit = await failure(challenging, { authorize: () => 'hunter2\r\nb' });
    expect(unfit).toMatchObject({ code: 'ERR_HTTPCLIENT_USAGE' });
    expect(String(unfit)).not.toContain('hunter2');
  });
});

describe('openTunnel, ended early', () => {
  it.each([
    ['nothing', ''],
    ['a head that drips', 'HTTP/1.1 200 OK\r\nX'],
    ['a page that drips', `${CHALLENGE}Content-Length: 9\r\n\r\nx`],
  ])('ends after timeoutMs if the proxy sends %s [CU-01]', async (_what, wire) => {
    await withHostileProxy(
      async (socket) => {
        await socket.head();
        socket.write(wire);
      },
      async (peer) => {
        const { stream, clock } = await dialWithClock(peer.port);
        const options = { timeoutMs: 5_000, authorize: () => 'x' };
        const opening = openTunnel(stream, AUTHORITY, settingsFor(peer), options).catch(
          (error: unknown) => error,
        );
        await waitUntil(() => stream.bytesReceived === wire.length && stream.bytesSent > 0);
        void clock.advance(5_000);
        expect(await opening).toMatchObject({
          code: 'ERR_HTTPCLIENT_PROXY',
          message: expect.stringContaining('within 5000 ms'),
        });
        expect(stream.isClosed).toBe(true);
      },
    );
  });

  it.each(['a string', new Error('stop'), undefined])(
    'rejects with the reason of its signal: %s [CU-01]',
    async (reason) => {
      await withHostileProxy(
        (socket) => socket.head(),
        async (peer) => {
          for (const when of ['before', 'after']) {
            const stream = await dial(peer.port);
            const controller = new AbortController();
            if (when === 'before') controller.abort(reason);
            const opening = openTunnel(stream, AUTHORITY, settingsFor(peer), { signal: controller.signal });
            const settled = opening.catch((error: unknown) => error);
            if (when === 'after') {
              await waitUntil(() => stream.bytesSent > 0);
              controller.abort(reason);
            }
            expect(await settled).toBe(controller.signal.reason);
            expect(stream.isClosed).toBe(true);
          }
        },
      );
    },
  );

  it('closes a connection that is opened after the abort [CU-01]', async () => {
    await withHostileProxy(
      async (socket, count) => {
        await socket.head();
        if (count === 1) socket.end(`${CHALLENGE}Connection: close\r\n\r\n`);
      },
      async (peer) => {
        const controller = new AbortController();
        const reason = new Error('stop');
        const reconnect = async () => {
          const stream = await dial(peer.port);
          controller.abort(reason);
          return stream;
        };
        const { signal } = controller;
        await expect(tunnelled(peer, { signal, authorize: () => 'x', reconnect })).rejects.toBe(reason);
        await waitUntil(() => peer.sockets.length === 2);
        for (const socket of peer.sockets) socket.end();
        await waitUntil(() => peer.openSockets() === 0);
      },
    );
  });
});

describe('openTunnel, used wrongly', () => {
  it.each<[string, unknown, RegExp]>([
    ['a.example', {}, /authority must be host:port/],
    ['a.example:0', {}, /authority must be/],
    ['a b:80', {}, /authority must be/],
    ['a:80\r\nX: y', {}, /authority must be/],
    [AUTHORITY, { timeout: 1 }, /timeout/],
    [AUTHORITY, { timeoutMs: -1 }, /timeoutMs/],
    [AUTHORITY, { signal: 7 }, /signal/],
    [AUTHORITY, { limits: { maxHead: 1 } }, /maxHead/],
    [AUTHORITY, { limits: { maxHeadBytes: -1 } }, /maxHeadBytes/],
    [AUTHORITY, { authorize: 'x' }, /authorize/],
    [AUTHORITY, { reconnect: 'x' }, /reconnect/],
  ])('refuses %j with %j, and closes the stream [CU-01]', async (authority, options, message) => {
    await withHostileProxy(
      () => {},
      async (peer) => {
        const stream = await dial(peer.port);
        await expect(
          openTunnel(stream, authority, settingsFor(peer), options as TunnelOptions),
        ).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_USAGE',
          message: expect.stringMatching(message),
        });
        expect([stream.isClosed, stream.bytesSent]).toEqual([true, 0]);
      },
    );
  });
});
