import type { SecureContext } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { onAbort, withCallerStack } from '@landspout/ioloop/reactor';
import { StreamClosedError, StreamConnectError, StreamUsageError, streamChecks } from '../errors.ts';
import { coreOf, IOStream } from '../stream/io-stream.ts';
import { type IOStreamOptions, resolveStreamOptions } from '../stream/stream-options.ts';
import { TlsAcceptor } from '../tls/acceptor.ts';
import { secureClient } from '../tls/client.ts';
import { resolveTlsClientOptions } from '../tls/client-settings.ts';
import type { TlsClientOptions, TlsServerOptions } from '../tls/options.ts';
import { TlsServerContext } from '../tls/server-context.ts';
import type { Transport } from '../transport.ts';
import { ServerStream } from './server-stream.ts';

interface StartTlsShared {
  /** Stops the handshake. */
  readonly signal?: AbortSignal;
  /** Limits of the new stream. Default: those of the stream that it takes the place of. */
  readonly stream?: IOStreamOptions;
  /** Whose clock the handshake's deadline is measured by. Default: the loop of this thread. */
  readonly loop?: IOLoop;
}

export type StartTlsOptions =
  | (StartTlsShared & {
      readonly server: true;
      /** A {@link TlsServerContext} reads its files once for all connections; options are read for each. */
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

/** Puts TLS on a transport, and waits for the handshake. */
type Handshake = (plain: Transport, signal: AbortSignal) => Promise<Transport>;

/**
 * Turns a plain connection into a TLS one, for protocols that agree on it first (`STARTTLS`).
 *
 * Bytes that came before, with the request to start or after it, make it fail: whoever sent them in the clear must
 * not have them read as if they were protected. A connection of a TCPServer is still counted and closed by it.
 *
 * @param stream - open and idle: nothing buffered, queued or waited for. It is used up, unless it is refused.
 * @returns a new stream over the same connection, when the handshake is complete. Who waits for the close of the old
 *   one waits for that of the new one from then on.
 * @throws StreamUsageError `ERR_STREAM_USAGE` for a stream that is not idle and for options that cannot be,
 *   StreamConnectError `ERR_STREAM_TLS` for unusable files: the stream is as it was. StreamConnectError
 *   `ERR_STREAM_TLS`, StreamTimeoutError `ERR_STREAM_TIMEOUT` when the handshake fails, the reason of `signal`, and
 *   StreamClosedError when the server closes all its connections meanwhile: the connection is closed then.
 */
export async function startTls(stream: IOStream, options: StartTlsOptions): Promise<IOStream> {
  streamChecks.options('startTls', options, START_TLS_OPTIONS);
  // Before the stream is used up.
  if (options.stream !== undefined) resolveStreamOptions(options.stream);
  const { signal, loop = IOLoop.current() } = options;
  if (options.server === undefined || options.tls === undefined) {
    throw new StreamUsageError('ERR_STREAM_USAGE', 'startTls: the options server and tls were expected');
  }
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

/** Keeps the connection's place in its server. */
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

/** Who waits for the close of the old stream waits for the new one's, or hears that there is none. */
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
  const settings = resolveTlsClientOptions(options);
  return (plain, signal) => secureClient(plain, settings, options.servername, signal, loop);
}

function serverHandshake(
  options: TlsServerOptions | SecureContext | TlsServerContext,
  loop: IOLoop,
): Handshake {
  const context = options instanceof TlsServerContext ? options : new TlsServerContext(options);
  return (plain, signal) =>
    new Promise((resolve, reject) => {
      if (context.isFull) {
        plain.close();
        throw new StreamConnectError('ERR_STREAM_TLS', 'tls: too many handshakes are in progress');
      }
      const acceptor = new TlsAcceptor(context, loop, {
        secured(transport) {
          stopListening();
          resolve(transport);
        },
        failed(error) {
          stopListening();
          reject(error);
        },
      });
      const stopListening = onAbort(signal, (reason) => {
        reject(reason);
        acceptor.destroyAll();
      });
      acceptor.accept(plain);
    });
}
