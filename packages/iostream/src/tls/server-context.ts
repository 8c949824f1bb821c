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
 * The certificates and terms of a server, read once for all the servers and {@link startTls} calls that share it,
 * and replaced while they run.
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
   * @throws StreamUsageError `ERR_STREAM_USAGE` for options that cannot be; StreamConnectError `ERR_STREAM_TLS` for
   *   files that cannot be read, which it names, and certificates that cannot be used.
   */
  constructor(options: TlsServerOptions | SecureContext) {
    this.#options = options;
    this.#settings = resolveTlsServerOptions(options);
    this.#server = toNodeServer(this.#settings);
  }

  /** What is in force. */
  get settings(): TlsServerSettings {
    return this.#settings;
  }

  /**
   * Reads the files again, or takes other options in place of those that there were. Handshakes that begin
   * afterwards see the new ones; connections that are there go on with the old. Sessions from before end, unless
   * the `ticketKeys` are the same.
   *
   * @throws as the constructor; then the old ones stay in force. StreamUsageError too where there is nothing to read
   *   again, since all was given as text or as a ready context.
   */
  reload(options: TlsServerOptions | SecureContext = this.#options): void {
    if (options === this.#options && !namesFiles(options)) {
      throw tlsUsage('there are no files to read again: give the new options');
    }
    const settings = resolveTlsServerOptions(options);
    this.#server = toNodeServer(settings);
    this.#settings = settings;
    this.#options = options;
  }

  /** Handshakes in progress, of all who share this. */
  get handshakes(): number {
    return this.#handshakes;
  }

  /** Whether as many are in progress as may be. */
  get isFull(): boolean {
    const { maxHandshakes } = this.#settings;
    return maxHandshakes > 0 && this.#handshakes >= maxHandshakes;
  }

  /** Counts one handshake. @returns what is to be called at its end; further calls do nothing. */
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
        // OpenSSL finds nothing wrong with a session that was made without a certificate, where none was demanded.
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

/** A server that never listens: it brings the handshake, and what Node verifies at its end. */
function toNodeServer(settings: TlsServerSettings): Server {
  const { credentials, readyContext, names, alpnProtocols, requestCert, rejectUnauthorized } = settings;
  const server = createServer({
    ...credentials,
    requestCert,
    rejectUnauthorized,
    // The deadline is ours, by the loop's clock; Node's cannot be turned off.
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
      callback(new StreamConnectError('ERR_STREAM_TLS', `tls: there is no certificate for ${name}`));
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
