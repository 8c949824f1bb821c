import type { SocketAddress } from '../transport.ts';

/** The contents of a PROXY header: they describe the connection that the proxy accepted. */
export interface ProxyHeader {
  readonly version: 1 | 2;
  /**
   * The client's address and the address that it connected to. `undefined` if the header does not contain them: the
   * proxy itself is the client (LOCAL, such as a health check), the proxy does not know them, or the protocol is not
   * supported (UNKNOWN, UNSPEC).
   */
  readonly addresses: ProxiedAddresses | undefined;
}

export interface ProxiedAddresses {
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
}

/** The result of decoding the bytes received so far. */
export type ProxyHeaderProgress =
  | { readonly kind: 'need-data' }
  /** The data after the header starts at `byteLength`. */
  | { readonly kind: 'header'; readonly header: ProxyHeader; readonly byteLength: number }
  /** The bytes do not start a PROXY header; they are data. */
  | { readonly kind: 'no-header' };

export const NEED_DATA: ProxyHeaderProgress = { kind: 'need-data' };
export const NO_HEADER: ProxyHeaderProgress = { kind: 'no-header' };

/** Whether `bytes` start with `signature`, or are themselves a prefix of it. */
export function beginsLike(bytes: Uint8Array, signature: Uint8Array): boolean {
  const shared = Math.min(bytes.length, signature.length);
  for (let i = 0; i < shared; i += 1) if (bytes[i] !== signature[i]) return false;
  return true;
}
