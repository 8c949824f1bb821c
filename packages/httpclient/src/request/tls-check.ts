import type { IOLoop } from '@landspout/ioloop';
import { StreamConnectError, StreamUsageError, type TlsClientOptions } from '@landspout/iostream';
import { checkTlsClientOptions } from '@landspout/iostream/transports';
import { HTTPClientUsageError } from './usage.ts';

/** The options that were checked. Each connection checks them again. */
const checked = new WeakSet<object>();

/**
 * Checks TLS options, and reads their files, before there is a connection. The same object is checked once.
 *
 * @param operation - names the caller in messages.
 * @param loop - default: the loop of this thread.
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE`, also if a file or a certificate is unusable.
 */
export function checkTls(operation: string, tls: TlsClientOptions, loop?: IOLoop): void {
  if (checked.has(tls)) return;
  try {
    checkTlsClientOptions(tls, loop);
  } catch (error) {
    if (!(error instanceof StreamUsageError || error instanceof StreamConnectError)) throw error;
    throw usageError(operation, error);
  }
  checked.add(tls);
}

/** Our own error for an option that the layer of streams has refused. */
export function usageError(operation: string, cause: Error): HTTPClientUsageError {
  return new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', `${operation}: ${cause.message}`, { cause });
}
