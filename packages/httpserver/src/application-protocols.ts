import { shownText } from '@landspout/ioloop/errors';
import { StreamUsageError, type TCPServerOptions, TlsServerContext } from '@landspout/iostream';

/** As registered for ALPN (RFC 7301 §6). WebSocket connections use `http/1.1` too. */
const PROTOCOLS: readonly string[] = ['http/1.1', 'http/1.0'];

/**
 * Refuses application protocols that this server does not speak: clients that offer one of them, as browsers do with
 * `h2`, would get it, and then no response.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE`, which names the protocol.
 */
export function requireKnownProtocols(operation: string, tls: TCPServerOptions['tls']): void {
  const other = protocolsOf(tls).find((protocol) => !PROTOCOLS.includes(protocol));
  if (other === undefined) return;
  const proxy =
    other === 'h2' ? ', and put a proxy that speaks HTTP/2 in front of the server if you need it' : '';
  throw new StreamUsageError(
    'ERR_STREAM_USAGE',
    `${operation}: tls: alpnProtocols has ${shownText(other)}, which HTTPServer does not speak: ` +
      `remove it${proxy}; only a subclass with its own handleStream can serve other protocols`,
  );
}

/** A value of the wrong type is left to the check of the TCPServer. */
function protocolsOf(tls: TCPServerOptions['tls']): readonly string[] {
  if (typeof tls !== 'object' || tls === null) return [];
  const given =
    tls instanceof TlsServerContext
      ? tls.settings.alpnProtocols
      : (tls as { alpnProtocols?: unknown }).alpnProtocols;
  return Array.isArray(given) ? given.filter((protocol) => typeof protocol === 'string') : [];
}
