import type { Duplex } from 'node:stream';
import { createServer, type SecureContext, type Server } from 'node:tls';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { StreamConnectError } from '../errors.ts';
import { readCertificate } from '../transports/tls-info.ts';
import { tlsUsage } from './credentials.ts';
import { missingCertificateError } from './handshake-error.ts';
import { type HandshakeEvents, setSharedContext, startHandshake } from './node-tls-adapter.ts';
import type { TlsServerOptions } from './options.ts';
import { resolveTlsServerOptions, type TlsServerSettings } from './server-settings.ts';

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
  #server: Server;
  #handshakes = 0;

  /**
   * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid; StreamConnectError `ERR_STREAM_TLS` if a file,
   *   which the message names, cannot be read or a certificate cannot be used.
   */
  constructor(options: TlsServerOptions | SecureContext) {
    this.#options = options;
    this.#settings = resolveTlsServerOptions(options);
    this.#server = toNodeServer(this.#settings);
  }

  /** The settings in use. */
  get settings(): TlsServerSettings {
    return this.#settings;
  }

  /**
   * Reads the files again, or replaces all options with `options`. Applies to handshakes that start afterwards;
   * established connections are not affected. Earlier sessions can no longer be resumed, unless the ticket keys stay
   * the same.
   *
   * @throws as the constructor; the old settings stay in use then. StreamUsageError also if there are no files to read
   *   again, because everything was given as text or as a ready-made context.
   */
  reload(options: TlsServerOptions | SecureContext = this.#options): void {
    if (options === this.#options && !namesFiles(options)) {
      throw tlsUsage('reload: there are no files to read again; pass the new options');
    }
    const settings = resolveTlsServerOptions(options);
    this.#server = toNodeServer(settings);
    this.#settings = settings;
    this.#options = options;
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

  /** Counts one handshake. @returns a function to call at its end; idempotent. */
  countHandshake(): () => void {
    this.#handshakes += 1;
    let isCounted = true;
    return () => {
      if (isCounted) this.#handshakes -= 1;
      isCounted = false;
    };
  }

  /** Starts the server's side of a handshake on an open socket. */
  handshake(socket: Duplex, events: HandshakeEvents): void {
    const { requestCert, rejectUnauthorized } = this.#settings;
    startHandshake(this.#server, socket, {
      secured: (secure) => {
        // OpenSSL accepts a resumed session without a client certificate if the session was created when none was
        // required.
        if (requestCert && readCertificate(secure) === undefined) secure.authorized = false;
        if (requestCert && rejectUnauthorized && !secure.authorized) {
          events.failed(missingCertificateError(), secure);
        } else {
          events.secured(secure);
        }
      },
      failed: (error, secure) => events.failed(error, secure),
    });
  }

  [INSPECT](): object {
    return inspection(this, ['handshakes'], () => ({ maxHandshakes: this.#settings.maxHandshakes }));
  }
}

/** Creates a server that never listens. It is used to perform handshakes, and for Node's verification at their end. */
function toNodeServer(settings: TlsServerSettings): Server {
  const { credentials, readyContext, names, alpnProtocols, requestCert, rejectUnauthorized } = settings;
  const server = createServer({
    ...credentials,
    requestCert,
    rejectUnauthorized,
    // Effectively no timeout, since Node's cannot be turned off: TlsAcceptor has its own deadline, measured by the
    // loop's clock.
    handshakeTimeout: 2 ** 31 - 1,
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: alpnProtocols }),
    ...(names === undefined ? {} : { SNICallback: selectByName(settings) }),
  });
  if (readyContext !== undefined) setSharedContext(server, readyContext);
  return server;
}

function selectByName({ names, refusesUnknownNames }: TlsServerSettings) {
  return (servername: string, callback: (error: Error | null, context?: SecureContext) => void): void => {
    const context = names?.find(servername);
    if (context === undefined && refusesUnknownNames) {
      const name = JSON.stringify(servername.slice(0, 255));
      callback(new StreamConnectError('ERR_STREAM_TLS', `tls: no certificate for ${name}`));
    } else {
      callback(null, context);
    }
  };
}

function namesFiles(options: TlsServerOptions | SecureContext): boolean {
  const { certFile, keyFile, caFile, ticketKeysFile, certificates = [] } = options as TlsServerOptions;
  const files = [
    certFile,
    keyFile,
    caFile,
    ticketKeysFile,
    ...certificates.flatMap((each) => [each.certFile, each.keyFile]),
  ];
  return files.some((file) => file !== undefined);
}
