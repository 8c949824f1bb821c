import type { Duplex } from 'node:stream';
import { createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import type { IOLoop } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { TlsBinding } from '@landspout/ioloop/reactor';
import { readCertificate } from '../../transports/tls-info.ts';
import { createContext, tlsUsage } from '../credentials.ts';
import { missingCertificateError, unknownNameError } from '../handshake-error.ts';
import {
  collectKeyLines,
  type HandshakeEvents,
  setSharedContext,
  setTicketKeys,
  startHandshake,
} from '../node-tls-adapter.ts';
import type { TlsServerOptions } from '../options.ts';
import type { Pem } from '../pem.ts';
import { NativeServerContexts } from './native-server-contexts.ts';
import { requireOneKeyType, resolveTlsServerOptions, type TlsServerSettings } from './server-settings.ts';
import { TICKET_KEY_BYTES, type TicketKeysSource, TlsTicketKeys } from './ticket-keys.ts';

/**
 * The certificates and TLS options of a server. They are read once, shared by any number of servers and
 * {@link startTls} calls, and can be replaced while in use.
 *
 * @example
 * const tls = new TlsServerContext({ certFile: 'cert.pem', keyFile: 'key.pem' });
 * process.on('SIGHUP', () => {
 *   try {
 *     tls.reload();
 *   } catch (error) {
 *     console.error('the old certificates stay', error);
 *   }
 * });
 */
export class TlsServerContext {
  #options: TlsServerOptions | SecureContext;
  #settings: TlsServerSettings;
  readonly #ticketKeys: TlsTicketKeys;
  /** Made when a connection needs it. */
  #nodeServer: NodeServer | undefined;
  /** The ticket keys of {@link #nodeServer}. */
  #nodeTicketKeys: Uint8Array | undefined;
  #native: NativeServerContexts | undefined;
  /** That of the thread, once handshakes on one of its loops were prepared. */
  #binding: TlsBinding | undefined;
  /** Why node:tls is used by a server with this context; `undefined` while there is none. */
  #nodeReason: string | undefined;
  #handshakes = 0;

  /**
   * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid; StreamConnectError `ERR_STREAM_TLS` if a file,
   *   which the message names, cannot be read or a certificate cannot be used.
   */
  constructor(options: TlsServerOptions | SecureContext) {
    this.#options = options;
    this.#settings = resolveTlsServerOptions(options);
    this.#ticketKeys = new TlsTicketKeys(ticketKeysSource(this.#settings));
  }

  /** The settings in use. */
  get settings(): TlsServerSettings {
    return this.#settings;
  }

  /**
   * Reads the files again, or replaces all options with `options`. Applies to handshakes that start afterwards;
   * established connections are not affected. Earlier sessions can still be resumed, unless the options about client
   * certificates change, or, on node:tls, the server's certificates or `ticketKeys`.
   *
   * @throws as the constructor; the old settings stay in use then. StreamUsageError also if there are no files to read
   *   again, because everything was given as text or as a ready-made context.
   */
  reload(options: TlsServerOptions | SecureContext = this.#options): void {
    if (options === this.#options && !namesFiles(options)) {
      throw tlsUsage('reload: there are no files to read again; pass the new options');
    }
    const settings = resolveTlsServerOptions(options);
    if (this.#nodeReason !== undefined) requireOneKeyType(settings, this.#nodeReason);
    const binding = settings.readyContext === undefined ? this.#binding : undefined;
    const native =
      binding === undefined ? undefined : new NativeServerContexts(binding, settings, this.#ticketKeys);
    this.#native?.retire();
    this.#native = native;
    this.#nodeServer = undefined;
    this.#ticketKeys.reload(ticketKeysSource(settings));
    this.#settings = settings;
    this.#options = options;
  }

  /**
   * Prepares handshakes on `loop`, so that certificates that are unusable there are refused before the first of them.
   *
   * @throws StreamUsageError `ERR_STREAM_USAGE` if the certificates have several types of keys and `loop` uses node:tls;
   *   StreamConnectError `ERR_STREAM_TLS` if OpenSSL refuses the certificates or options.
   */
  prepare(loop: IOLoop): void {
    const load = loop.reactor?.tls;
    if (load !== undefined && 'binding' in load) {
      // The loops of a thread share one binding.
      this.#binding = load.binding;
      this.nativeContexts(loop);
    } else {
      requireOneKeyType(this.#settings, loop.tlsReason);
      this.#nodeReason = loop.tlsReason;
    }
  }

  /**
   * Returns the contexts for handshakes on descriptors of `loop`, which must have been prepared; `undefined` if node:tls
   * has to be used.
   *
   * @throws StreamConnectError `ERR_STREAM_TLS` if OpenSSL refuses the certificates or options.
   */
  nativeContexts(loop: IOLoop): NativeServerContexts | undefined {
    if (loop.tls === 'node' || this.#binding === undefined || this.#settings.readyContext !== undefined)
      return undefined;
    this.#native ??= new NativeServerContexts(this.#binding, this.#settings, this.#ticketKeys);
    return this.#native;
  }

  /**
   * Closes the native contexts, as soon as no handshake uses them: for a context that is used for a single connection.
   */
  close(): void {
    this.#native?.retire();
    this.#native = undefined;
  }

  /** Handshakes in progress, for all users of this context. */
  get handshakes(): number {
    return this.#handshakes;
  }

  /** Whether the limit of simultaneous handshakes is reached. */
  get isFull(): boolean {
    const { maxHandshakes } = this.#settings;
    return maxHandshakes > 0 && this.#handshakes >= maxHandshakes;
  }

  /** Counts a handshake; {@link handshakeEnded} must be called once at its end. */
  handshakeStarted(): void {
    this.#handshakes += 1;
  }

  handshakeEnded(): void {
    this.#handshakes -= 1;
  }

  /**
   * Starts the server's side of a handshake with node:tls, on an open socket.
   *
   * @throws StreamUsageError `ERR_STREAM_USAGE` if the certificates have several types of keys.
   */
  handshake(socket: Duplex, events: HandshakeEvents): void {
    const { requestCert, rejectUnauthorized } = this.#settings;
    if (this.#nodeServer === undefined) {
      requireOneKeyType(this.#settings, 'the connection is not a TCP or Unix socket of the reactor');
      this.#nodeServer = toNodeServer(this.#settings);
      this.#nodeTicketKeys = undefined;
    }
    this.#applyTicketKeys(this.#nodeServer);
    startHandshake(this.#nodeServer.server, socket, {
      secured: (secure) => {
        // OpenSSL accepts a resumed session without a client certificate if the session was created when none was
        // required.
        if (requestCert && readCertificate(secure) === undefined) setUnauthorized(secure);
        if (requestCert && rejectUnauthorized && !secure.authorized) {
          events.failed(missingCertificateError(), secure);
        } else {
          events.secured(secure);
        }
      },
      failed: (error, secure) => events.failed(error, secure),
      keyLine: (line) => events.keyLine(line),
    });
  }

  /** Node accepts the tickets of one key only. A ready-made context has its own. */
  #applyTicketKeys({ server, contexts }: NodeServer): void {
    if (this.#settings.readyContext !== undefined) return;
    const keys = this.#ticketKeys.current();
    if (keys === this.#nodeTicketKeys) return;
    this.#nodeTicketKeys = keys;
    setTicketKeys(server, contexts, Buffer.from(keys.subarray(0, TICKET_KEY_BYTES)));
  }

  [INSPECT](): object {
    return inspection(this, ['handshakes'], () => ({ maxHandshakes: this.#settings.maxHandshakes }));
  }
}

/** Node sets the error too, unless a session was resumed, although nothing is wrong if no certificate is required. */
function setUnauthorized(socket: TLSSocket): void {
  socket.authorized = false;
  Object.assign(socket, { authorizationError: undefined });
}

function ticketKeysSource({ ticketKeys, certificates }: TlsServerSettings): TicketKeysSource {
  return {
    fixed: ticketKeys,
    certificates: certificates.flatMap(({ credentials }) => credentials.cert as Pem),
  };
}

/** What node:tls needs for handshakes. */
interface NodeServer {
  readonly server: Server;
  /** One for each certificate, if the certificate depends on the requested name; otherwise empty. */
  readonly contexts: readonly SecureContext[];
}

/** Creates a server that never listens. It is used to perform handshakes, and for Node's verification at their end. */
function toNodeServer(settings: TlsServerSettings): NodeServer {
  const {
    certificates,
    readyContext,
    selectsByName,
    alpnProtocols,
    requestCert,
    rejectUnauthorized,
    keyLog,
  } = settings;
  const contexts = selectsByName ? certificates.map(({ credentials }) => createContext(credentials)) : [];
  const server = createServer({
    ...certificates[0]?.credentials,
    requestCert,
    rejectUnauthorized,
    // Effectively no timeout, since Node's cannot be turned off: TlsAcceptor has its own deadline, measured by the
    // loop's clock.
    handshakeTimeout: 2 ** 31 - 1,
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: alpnProtocols }),
    ...(selectsByName ? { SNICallback: selectByName(settings, contexts) } : {}),
  });
  if (readyContext !== undefined) setSharedContext(server, readyContext);
  if (keyLog !== undefined) collectKeyLines(server);
  return { server, contexts };
}

function selectByName({ names, refusesUnknownNames }: TlsServerSettings, contexts: readonly SecureContext[]) {
  return (servername: string, callback: (error: Error | null, context?: SecureContext) => void): void => {
    const [index] = names.find(servername) ?? [];
    if (index === undefined && refusesUnknownNames) callback(unknownNameError(servername));
    else callback(null, index === undefined ? undefined : contexts[index]);
  };
}

function namesFiles(options: TlsServerOptions | SecureContext): boolean {
  const {
    certFile,
    keyFile,
    caFile,
    crlFile,
    ticketKeysFile,
    certificates = [],
  } = options as TlsServerOptions;
  const files = [
    certFile,
    keyFile,
    caFile,
    crlFile,
    ticketKeysFile,
    ...certificates.flatMap((each) => [each.certFile, each.keyFile]),
  ];
  return files.some((file) => file !== undefined);
}
