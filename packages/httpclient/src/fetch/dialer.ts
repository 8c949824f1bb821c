import type { ResponseHead } from '@landspout/http1';
import type { IOLoop } from '@landspout/ioloop';
import {
  type ConnectTimings,
  IOStream,
  type Resolver,
  TCPClient,
  TlsSessionCache,
} from '@landspout/iostream';
import { parseChallenges } from '../auth/challenges.ts';
import { DigestAuthenticator } from '../auth/digest-authenticator.ts';
import type { Origin } from '../pool/origin.ts';
import type { PooledConnection } from '../pool/pooled-connection.ts';
import { type DialProxy, dialProxy, dialThroughProxy, secureTunnel } from '../proxy/dial-through-proxy.ts';
import { connectAuthority } from '../proxy/proxied-request.ts';
import type { ProxySettings } from '../proxy/proxy-settings.ts';
import { clientChecks } from '../request/usage.ts';
import type { ConnectAttempt } from './connect-attempt.ts';

/** What a connection is opened for. */
export interface ConnectTarget {
  /** A name, or a numeric address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whether the URL is an https URL. */
  readonly secure: boolean;
  /** Aborts when the connection is no longer wanted. */
  readonly signal: AbortSignal;
}

/** Opens a connection on which HTTP/1.1 can be spoken at once: for https, after the TLS handshake. */
export type Connect = (target: ConnectTarget) => IOStream | PromiseLike<IOStream>;

/** Opens the connections of a client: directly, to a Unix socket, or through a proxy; with TLS for https. */
export class Dialer {
  readonly #tcp: TCPClient;
  readonly #loop: IOLoop;
  /** TLS sessions of servers behind proxies; the others are in the TCPClient. */
  #tunnelSessions: TlsSessionCache | undefined;
  /** Opens connections instead of this class. */
  readonly #connect: Connect | undefined;

  constructor(loop: IOLoop, resolver: Resolver, connect: Connect | undefined) {
    this.#loop = loop;
    this.#connect = connect;
    this.#tcp = new TCPClient({ loop, resolver });
  }

  /**
   * Opens a connection and puts it into its place in the pool.
   *
   * @throws the reason of the attempt's signal, or the error that occurred. No connection stays open then.
   */
  async open(origin: Origin, attempt: ConnectAttempt, place: PooledConnection): Promise<void> {
    const stream = await this.openStream(origin, attempt);
    try {
      attempt.signal.throwIfAborted();
      // The program's own `connect` may have ignored the signal, and may return a stream that is in use.
      place.adopt(stream);
    } catch (error) {
      stream.close();
      throw error;
    }
  }

  /** Opens a stream, which the caller must close. */
  openStream(origin: Origin, attempt: ConnectAttempt): Promise<IOStream> {
    const { host, port, family, localAddress, secure, tls, socketPath, proxy } = origin;
    if (this.#connect !== undefined) return this.#callConnect(this.#connect, origin, attempt.signal);
    if (proxy !== undefined) return this.#openThrough(proxy, origin, attempt);
    const security = secure ? { tls: { servername: host, ...tls } } : {};
    const shared = { signal: attempt.signal, timeoutMs: 0, timings: attempt.timings, ...security };
    if (socketPath !== undefined) return this.#tcp.connect({ path: socketPath, ...shared });
    const from = localAddress === undefined ? {} : { localAddress };
    return this.#tcp.connect({ host, port, ...shared, ...from, ...(family === undefined ? {} : { family }) });
  }

  async #callConnect(
    connect: Connect,
    { host, port, secure }: Origin,
    signal: AbortSignal,
  ): Promise<IOStream> {
    const stream = await connect({ host, port, secure, signal });
    if (!(stream instanceof IOStream))
      throw clientChecks.wrong('AsyncHTTPClient', 'an IOStream from connect', stream);
    return stream;
  }

  async #openThrough(proxy: ProxySettings, origin: Origin, attempt: ConnectAttempt): Promise<IOStream> {
    const { signal } = attempt;
    let timings: ConnectTimings | undefined = attempt.timings;
    const { family, localAddress } = origin;
    const dial: DialProxy = async ({ host, port, tls }, either) => {
      const stream = await this.#tcp.connect({
        host,
        port,
        timeoutMs: 0,
        ...(timings === undefined ? {} : { timings }),
        ...(either === undefined ? {} : { signal: either }),
        ...(tls === undefined ? {} : { tls }),
        ...(family === undefined ? {} : { family }),
        ...(localAddress === undefined ? {} : { localAddress }),
      });
      // A second connection to the proxy belongs to the negotiation.
      timings = undefined;
      if (!origin.absoluteForm) attempt.enter('proxy');
      return stream;
    };
    if (origin.absoluteForm) return dialProxy(proxy, dial, signal);
    const authorize = authorizerFor(proxy, connectAuthority(origin.host, origin.port));
    const options = { signal, timeoutMs: 0, ...(authorize === undefined ? {} : { authorize }) };
    const stream = await dialThroughProxy(proxy, origin, dial, options);
    if (!origin.secure) {
      attempt.enter(undefined);
      return stream;
    }
    attempt.enter('tls');
    this.#tunnelSessions ??= new TlsSessionCache();
    const { servername = origin.host } = origin.tls ?? {};
    const tls = { handshakeTimeoutMs: 0, sessions: this.#tunnelSessions, ...origin.tls, servername };
    const secured = await secureTunnel(stream, proxy, { tls, signal, loop: this.#loop });
    attempt.enter(undefined);
    return secured;
  }
}

/** Returns what responds to the challenge of a proxy with digest authentication. */
function authorizerFor(
  proxy: ProxySettings,
  authority: string,
): ((head: ResponseHead) => string | undefined) | undefined {
  const { credentials } = proxy;
  if (proxy.auth !== 'digest' || credentials === undefined) return undefined;
  const origin = `${proxy.kind}://${proxy.name}`;
  const digest = new DigestAuthenticator({ origin, credentials, method: 'CONNECT', target: authority });
  return ({ headers }) => {
    const challenges = parseChallenges(headers.getList('Proxy-Authenticate'));
    return digest.challenge(challenges) === 'retry' ? digest.authorize() : undefined;
  };
}
