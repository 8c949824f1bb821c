import { beforeAll, describe, expect, it } from 'vitest';
import { secureTunnel } from '../../src/proxy/dial-through-proxy.ts';
import { openTunnel } from '../../src/proxy/http-tunnel.ts';
import { ProxySettings } from '../../src/proxy/proxy-settings.ts';
import {
  dial,
  dialWithClock,
  host,
  type ProxyScript,
  warmUp,
  withHostileProxy,
} from '../fixtures/hostile-proxies.ts';
import { openDescriptors, waitUntil } from '../fixtures/servers.ts';

beforeAll(warmUp);

const tls = { servername: 'a.example' };

/** Opens a tunnel through a proxy that does what `script` says after its response, and gives it to `test`. */
async function withTunnel(
  script: ProxyScript,
  test: (tunnel: Awaited<ReturnType<typeof dial>>, settings: ProxySettings) => Promise<void>,
): Promise<void> {
  await withHostileProxy(
    async (socket, count) => {
      await socket.head();
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      await script(socket, count);
    },
    async (peer) => {
      const before = openDescriptors();
      const settings = ProxySettings.from(`http://${host}:${peer.port}`);
      await test(await openTunnel(await dial(peer.port), 'a.example:443', settings), settings);
      for (const socket of peer.sockets) socket.end();
      await waitUntil(() => peer.openSockets() === 0);
      await waitUntil(() => openDescriptors() <= before);
    },
  );
}

describe('secureTunnel', () => {
  it('does not take bytes of the proxy for bytes that TLS protects [CU-01]', async () => {
    await withTunnel(
      (socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n'),
      async (tunnel, settings) => {
        tunnel.unread(await tunnel.readBytes(10));
        await expect(secureTunnel(tunnel, settings, { tls })).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_PROXY',
          message: expect.stringMatching(/sent \d+ bytes into the tunnel before the TLS handshake/),
        });
        expect(tunnel.isClosed).toBe(true);
      },
    );
  });

  it('reports a tunnel that was closed before the handshake [CU-01]', async () => {
    await withTunnel(
      (socket) => socket.end(),
      async (tunnel, settings) => {
        await tunnel.readUntilClose();
        await expect(secureTunnel(tunnel, settings, { tls })).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_PROXY',
          message: expect.stringContaining('closed the tunnel'),
        });
      },
    );
  });

  it.each<[string, ProxyScript]>([
    ['an end', (socket) => socket.end()],
    ['a reset', (socket) => void socket.socket.resetAndDestroy()],
    ['text', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('fails if %s is the response to the ClientHello [CU-01]', async (_what, script) => {
    await withTunnel(
      async (socket, count) => {
        await socket.read(5);
        await script(socket, count);
      },
      async (tunnel, settings) => {
        const failing = secureTunnel(tunnel, settings, { tls });
        await expect(failing).rejects.toMatchObject({ code: 'ERR_STREAM_TLS' });
      },
    );
  });

  it('closes the tunnel if an option is invalid [CU-01]', async () => {
    await withTunnel(
      () => {},
      async (tunnel, settings) => {
        const wrong = { servername: 'a.example', typo: 1 };
        await expect(secureTunnel(tunnel, settings, { tls: wrong })).rejects.toMatchObject({
          code: 'ERR_STREAM_USAGE',
        });
        expect(tunnel.isClosed).toBe(true);
      },
    );
  });

  it('rejects with the reason of its signal, and closes the tunnel [CU-01]', async () => {
    await withTunnel(
      () => {},
      async (tunnel, settings) => {
        const { bytesSent } = tunnel;
        expect(bytesSent).toBeGreaterThan(0);
        const signal = AbortSignal.abort('enough');
        await expect(secureTunnel(tunnel, settings, { tls, signal })).rejects.toBe('enough');
        expect(tunnel.isClosed).toBe(true);
      },
    );
  });

  it('ends a handshake after its own limit [CU-01]', async () => {
    let hello = false;
    await withHostileProxy(
      async (socket) => {
        await socket.head();
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        await socket.read(5);
        hello = true;
      },
      async (peer) => {
        const settings = ProxySettings.from(`http://${host}:${peer.port}`);
        const { stream, clock, loop } = await dialWithClock(peer.port);
        const tunnel = await openTunnel(stream, 'a.example:443', settings);
        const failing = secureTunnel(tunnel, settings, { tls: { ...tls, handshakeTimeoutMs: 3_000 }, loop });
        const settled = failing.catch((error: unknown) => error);
        await waitUntil(() => hello);
        void clock.advance(3_000);
        expect(await settled).toMatchObject({ code: 'ERR_STREAM_TIMEOUT' });
      },
    );
  });
});
