import { IOLoop } from '@landspout/ioloop';
import { IOStream } from './io-stream.ts';
import { StreamUsageError } from './stream-errors.ts';
import type { IOStreamOptions } from './stream-options.ts';
import { TlsAcceptor } from './tls-acceptor.ts';
import { connectTls } from './tls-client.ts';
import { resolveTlsServerOptions, type TlsClientOptions, type TlsServerOptions } from './tls-options.ts';
import type { Transport } from './transport.ts';

interface StartTlsShared {
  /** Stops the handshake. */
  readonly signal?: AbortSignal;
  /** Limits of the new stream, with the defaults of every stream. */
  readonly stream?: IOStreamOptions;
}

export type StartTlsOptions =
  | (StartTlsShared & { readonly server: true; readonly tls: TlsServerOptions })
  | (StartTlsShared & {
      readonly server: false;
      readonly tls: TlsClientOptions & { readonly servername: string };
    });

/**
 * Turns a plain connection into a TLS one, for protocols that agree on it first (`STARTTLS`).
 *
 * @param stream - open and idle: nothing buffered, queued or waited for. It is used up, whatever happens.
 * @returns a new stream over the same connection, when the handshake is complete.
 * @throws StreamUsageError `ERR_STREAM_USAGE` for a stream that is not idle, which stays as it is, and for unknown
 *   options; StreamConnectError `ERR_STREAM_TLS`, StreamTimeoutError `ERR_STREAM_TIMEOUT` when the handshake fails.
 *   The connection is closed then.
 */
export async function startTls(stream: IOStream, options: StartTlsOptions): Promise<IOStream> {
  const { signal } = options;
  if (options.server === undefined || options.tls === undefined) {
    throw new StreamUsageError('ERR_STREAM_USAGE', 'startTls: the options server and tls were expected');
  }
  signal?.throwIfAborted();
  const settings = options.server ? resolveTlsServerOptions(options.tls) : undefined;
  const plain = stream.detachTransport();
  let secured: Transport;
  if (settings !== undefined) secured = await acceptTls(plain, settings, signal);
  else
    secured = await connectTls(
      plain,
      options.tls as TlsClientOptions & { readonly servername: string },
      signal,
    );
  return new IOStream(secured, options.stream);
}

function acceptTls(
  plain: Transport,
  settings: ReturnType<typeof resolveTlsServerOptions>,
  signal: AbortSignal | undefined,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const stopListening = (): void => signal?.removeEventListener('abort', onAbort);
    const events = {
      secured(transport: Transport): void {
        stopListening();
        resolve(transport);
      },
      failed(error: Error): void {
        stopListening();
        reject(error);
      },
    };
    const acceptor = new TlsAcceptor(settings, IOLoop.current(), events, {
      localAddress: plain.localAddress,
      remoteAddress: plain.remoteAddress,
    });
    const onAbort = (): void => {
      reject(signal?.reason);
      acceptor.destroyAll();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    acceptor.accept(plain);
  });
}
