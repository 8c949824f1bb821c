import type { SecureContext } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { onAbort, withCallerStack } from '@landspout/ioloop/reactor';
import { StreamClosedError, StreamConnectError, StreamUsageError, streamChecks } from '../errors.ts';
import { coreOf, IOStream } from '../stream/io-stream.ts';
import { type IOStreamOptions, resolveStreamOptions } from '../stream/stream-options.ts';
import { resolveTlsClientOptions } from '../tls/client/client-settings.ts';
import { secureClient } from '../tls/client/connect-tls.ts';
import type { TlsClientOptions, TlsServerOptions } from '../tls/options.ts';
import { TlsAcceptor } from '../tls/server/acceptor.ts';
import { TlsServerContext } from '../tls/server/server-context.ts';
import type { Transport } from '../transport.ts';
import { ServerStream } from './server-stream.ts';

interface StartTlsShared {
  /** Aborts the handshake. */
  readonly signal?: AbortSignal;
  /** Options of the new stream. Default: those of the stream that it replaces. */
  readonly stream?: IOStreamOptions;
  /** The loop whose clock measures the handshake deadline. Default: the loop of the current thread. */
  readonly loop?: IOLoop;
}

export type StartTlsOptions =
  | (StartTlsShared & {
      readonly server: true;
      /**
       * A {@link TlsServerContext} reads its files once for all connections; plain options are read again for each
       * connection.
       */
      readonly tls: TlsServerOptions | SecureContext | TlsServerContext;
    })
  | (StartTlsShared & {
      readonly server: false;
      readonly tls: TlsClientOptions & { readonly servername: string };
    });

const START_TLS_OPTIONS: OptionNames<StartTlsOptions> = {
  server: true,
  tls: true,
  signal: true,
  stream: true,
  loop: true,
};

/** Adds TLS to a transport; resolves when the handshake is complete. */
type Handshake = (plain: Transport, signal: AbortSignal) => Promise<Transport>;

/**
 * Upgrades a plain connection to TLS, for protocols that negotiate it first (`STARTTLS`).
 *
 * Fails if bytes are already buffered, even if they arrived together with the request to start TLS: an attacker could
 * have injected them in plain text, and they must not be read as if TLS protected them. A TCPServer continues to count
 * the connection, and `closeAll` still closes it.
 *
 * The client's side is also how TLS runs through a proxy: on a stream that CONNECT or SOCKS5 has connected to a server,
 * `servername` being the name of that server. The stream may have TLS itself, as with a proxy reached over TLS.
 *
 * @param stream - must be open and idle: nothing buffered or queued, no pending read and no consumer. It cannot be used
 *   after this call, except after an error that leaves it unchanged.
 * @returns a new stream on the same connection, after the handshake. Code waiting for the old stream to close then
 *   waits for the new one.
 * @throws StreamUsageError `ERR_STREAM_USAGE` if the stream is not idle or an option is invalid, StreamConnectError
 *   `ERR_STREAM_TLS` if a file is unusable; the stream is unchanged then. StreamConnectError `ERR_STREAM_TLS` or
 *   StreamTimeoutError `ERR_STREAM_TIMEOUT` if the handshake fails, the reason of `signal` if it aborts, and
 *   StreamClosedError if the server closes all its connections meanwhile; the connection is closed then.
 */
export async function startTls(stream: IOStream, options: StartTlsOptions): Promise<IOStream> {
  if (!(stream instanceof IOStream)) throw streamChecks.wrong('startTls', 'an IOStream', stream);
  streamChecks.options('startTls', options, START_TLS_OPTIONS);
  // Check the options before the stream becomes unusable.
  if (options.stream !== undefined) resolveStreamOptions(options.stream);
  const { signal, loop = IOLoop.current() } = options;
  if (options.server === undefined || options.tls === undefined) {
    throw new StreamUsageError('ERR_STREAM_USAGE', 'startTls: the options server and tls are required');
  }
  streamChecks.boolean('startTls', 'server', options.server);
  streamChecks.signal('startTls', signal);
  // A consumer would not be notified of anything any more.
  if (coreOf(stream).reading.hasConsumer)
    throw new StreamUsageError('ERR_STREAM_USAGE', 'startTls: the stream has a consumer; remove it first');
  signal?.throwIfAborted();
  const shake = options.server ? serverHandshake(options.tls, loop) : clientHandshake(options.tls, loop);
  const stopping = new AbortController();
  const stopListening = onAbort(signal, (reason) => stopping.abort(reason));
  try {
    const { signal: stop } = stopping;
    if (stream instanceof ServerStream) return await upgrade(stream, shake, stopping, options.stream);
    const plain = stream.detachTransport();
    return await passedOn(stream, async () => {
      return new IOStream(await shake(plain, stop), { ...stream.options, ...options.stream });
    });
  } catch (error) {
    throw withCallerStack(error);
  } finally {
    stopListening();
  }
}

/** The upgrade of a server's stream: as for other streams, but the server continues to count the connection. */
async function upgrade(
  stream: ServerStream,
  shake: Handshake,
  stopping: AbortController,
  options: IOStreamOptions | undefined,
): Promise<IOStream> {
  const stop = (): void => stopping.abort(new StreamClosedError('startTls: the connection was closed'));
  const plain = stream.beginUpgrade(stop);
  return passedOn(stream, async () => {
    try {
      return stream.completeUpgrade(await shake(plain, stopping.signal), options);
    } catch (error) {
      stream.failUpgrade();
      throw error;
    }
  });
}

/**
 * Code waiting for the old stream to close then waits for the new one; if the upgrade fails, it is notified of the
 * close.
 */
async function passedOn(stream: IOStream, replace: () => Promise<IOStream>): Promise<IOStream> {
  let successor: IOStream | undefined;
  try {
    successor = await replace();
    return successor;
  } finally {
    coreOf(stream).passCloseListeners(successor === undefined ? undefined : coreOf(successor));
  }
}

function clientHandshake(
  options: TlsClientOptions & { readonly servername: string },
  loop: IOLoop,
): Handshake {
  const settings = resolveTlsClientOptions(options, loop);
  return (plain, signal) => secureClient(plain, settings, signal, loop);
}

function serverHandshake(
  options: TlsServerOptions | SecureContext | TlsServerContext,
  loop: IOLoop,
): Handshake {
  const isShared = options instanceof TlsServerContext;
  const context = isShared ? options : new TlsServerContext(options);
  context.prepare(loop);
  return (plain, signal) =>
    new Promise((resolve, reject) => {
      if (context.isFull) {
        plain.close();
        throw new StreamConnectError('ERR_STREAM_TLS', 'tls: too many handshakes are in progress');
      }
      const end = (): void => {
        stopListening();
        if (!isShared) context.close();
      };
      const acceptor = new TlsAcceptor(context, loop, {
        secured(transport) {
          end();
          resolve(transport);
        },
        failed(error) {
          end();
          reject(error);
        },
        closed() {},
      });
      const stopListening = onAbort(signal, (reason) => {
        reject(reason);
        acceptor.destroyAll();
      });
      acceptor.accept(plain);
    });
}
