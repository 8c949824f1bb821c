import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect as connectPlain, createServer as createPlainServer } from 'node:net';
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  createServer,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { sessionCertificate } from '../../src/tls/client/session-certificate.ts';
import {
  collectKeyLines,
  isSecureContext,
  onSession,
  refusalCode,
  setSharedContext,
  startHandshake,
} from '../../src/tls/node-tls-adapter.ts';
import {
  type Authority,
  type Certificates,
  type IssuedCertificate,
  makeAuthority,
  makeCertificates,
} from '../support/certificates.ts';
import { within } from '../support/within.ts';

const host = '127.0.0.1';

let authority: Authority;
let own: IssuedCertificate;
let stranger: Certificates;
beforeAll(() => {
  authority = makeAuthority();
  own = authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
  stranger = makeCertificates('DNS:stranger.example');
});
afterAll(() => {
  authority.remove();
  stranger.remove();
});

type Ending = { readonly secured: TLSSocket } | { readonly failed: Error; readonly socket: TLSSocket };

/** Listens for one connection, and starts the handshake on it. */
async function handshakeOn(server: Server): Promise<{
  readonly port: number;
  readonly ending: Promise<Ending>;
  readonly keyLines: readonly string[];
}> {
  const keyLines: string[] = [];
  const plain = createPlainServer({ allowHalfOpen: true });
  onTestFinished(() => void plain.close());
  const ending = once(plain, 'connection').then(
    ([socket]) =>
      new Promise<Ending>((resolve) => {
        socket.on('error', () => {});
        startHandshake(server, socket, {
          secured: (secured) => resolve({ secured }),
          failed: (failed, tls) => resolve({ failed, socket: tls }),
          keyLine: (line) => keyLines.push(line),
        });
        onTestFinished(() => void socket.destroy());
      }),
  );
  await once(plain.listen(0, host), 'listening');
  return { port: (plain.address() as AddressInfo).port, ending, keyLines };
}

function dial(port: number, options: ConnectionOptions = {}): TLSSocket {
  const socket = connect({ host, port, ca: authority.cert, ...options });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

describe("what node-tls-adapter.ts relies on of Node's internals", () => {
  it('a secure context is told by its property `context`', () => {
    expect(isSecureContext(createSecureContext()), 'createSecureContext gives no `context`').toBe(true);
  });

  it('a secure context has the method of `setTicketKeys`', () => {
    const { context } = createSecureContext();
    const keys = Buffer.alloc(48, 'k');
    context.setTicketKeys(keys);
    expect(context.getTicketKeys(), 'the `context` of a secure context has no `setTicketKeys`').toEqual(keys);
  });

  it('the listener for `connection` emits on its `this` when a handshake is complete', async () => {
    const { port, ending } = await handshakeOn(createServer({ cert: own.cert, key: own.key }));
    dial(port);
    const internal = '`secureConnection` is not emitted on the object that `connection` was emitted on';
    expect(await within(ending, internal), internal).toHaveProperty('secured');
  });

  it('the listener for `connection` emits on its `this` when a handshake fails', async () => {
    const { port, ending } = await handshakeOn(createServer({ cert: own.cert, key: own.key }));
    const socket = connectPlain({ host, port });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {}).write('GET / HTTP/1.1\r\n\r\n');
    const internal = '`tlsClientError` is not emitted on the object that `connection` was emitted on';
    expect(await within(ending, internal), internal).toHaveProperty('failed');
  });

  it('the TLS socket copies `allowHalfOpen` of the socket below when it is made', async () => {
    const { port, ending } = await handshakeOn(createServer({ cert: own.cert, key: own.key }));
    dial(port);
    const { secured } = (await within(ending, 'no handshake is complete')) as { secured: TLSSocket };
    expect(secured.allowHalfOpen, '`allowHalfOpen` is not that of the socket below').toBe(false);
  });

  it('the server uses the context that is in `_sharedCreds`', async () => {
    const server = createServer({});
    setSharedContext(server, createSecureContext({ cert: own.cert, key: own.key }));
    const { port, ending } = await handshakeOn(server);
    dial(port);
    const internal = 'a context in `_sharedCreds` of a tls.Server is not used';
    expect(await within(ending, internal), internal).toHaveProperty('secured');
  });

  it('`keylog` is emitted where `connection` was, if the server has a listener for it', async () => {
    const logged = createServer({ cert: own.cert, key: own.key });
    collectKeyLines(logged);
    for (const [server, expected] of [
      [createServer({ cert: own.cert, key: own.key }), []],
      [logged, expect.arrayContaining([expect.stringMatching(/^CLIENT_TRAFFIC_SECRET_0 .*\n$/)])],
    ] as const) {
      const { port, ending, keyLines } = await handshakeOn(server);
      dial(port);
      await within(ending, 'no handshake is complete');
      expect(keyLines, '`keylog` is not emitted as expected').toEqual(expected);
    }
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '`authorizationError` says why a client was refused, over %s',
    async (version) => {
      const { cert, key } = own;
      const server = createServer({ cert, key, ca: authority.cert, requestCert: true });
      const { port, ending } = await handshakeOn(server);
      dial(port, { cert: stranger.cert, key: stranger.key, maxVersion: version });
      const failed = await within(ending, 'a client that is refused fails no handshake');
      const code = 'socket' in failed ? refusalCode(failed.socket) : 'the handshake did not fail';
      expect(code, '`authorizationError` is not set before `tlsClientError`').toBe(
        'DEPTH_ZERO_SELF_SIGNED_CERT',
      );
    },
  );

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '`session` waits until `secureConnect` has been emitted, over %s',
    async (version) => {
      const { port } = await handshakeOn(createServer({ cert: own.cert, key: own.key }));
      const socket = dial(port, { maxVersion: version, rejectUnauthorized: false });
      let isSecured = false;
      const first = new Promise<boolean>((resolve) => onSession(socket, () => resolve(isSecured)));
      socket.on('secureConnect', () => {
        isSecured = true;
      });
      const internal = '`session` is emitted before `secureConnect`';
      expect(await within(first, '`session` is not emitted'), internal).toBe(true);
    },
  );

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '`session` has the encoding of OpenSSL, which is accepted if verification is off, over %s',
    async (version) => {
      const server = createServer({ cert: own.cert, key: own.key, ticketKeys: randomBytes(48) });
      const options = { maxVersion: version, rejectUnauthorized: false };
      const first = dial((await handshakeOn(server)).port, options);
      const issued = new Promise<Buffer>((resolve) => onSession(first, resolve));
      const session = await within(issued, '`session` is not emitted');
      expect(sessionCertificate(session), 'the encoding of sessions is not known').toMatchObject({
        subject: { CN: 'server' },
      });
      const second = dial((await handshakeOn(server)).port, { ...options, session });
      const internal = 'a session in the encoding of OpenSSL is ignored';
      await within(once(second, 'secureConnect'), internal);
      expect(second.isSessionReused(), internal).toBe(true);
    },
  );
});
