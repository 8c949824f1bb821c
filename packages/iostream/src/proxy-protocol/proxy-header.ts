import type { SocketAddress } from '../transport.ts';

/** What a PROXY header says of the connection that the proxy has accepted. */
export interface ProxyHeader {
  readonly version: 1 | 2;
  /**
   * The client, and where it connected to. `undefined` where the header does not tell: the proxy speaks for itself
   * (LOCAL, such as a health check), or does not know, or the protocol is none that we know (UNKNOWN, UNSPEC).
   */
  readonly addresses: ProxiedAddresses | undefined;
}

export interface ProxiedAddresses {
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
}

/** What the bytes so far come to. */
export type ProxyHeaderProgress =
  | { readonly kind: 'need-data' }
  /** What follows the header begins at `byteLength`. */
  | { readonly kind: 'header'; readonly header: ProxyHeader; readonly byteLength: number }
  /** The bytes begin no PROXY header: they are data. */
  | { readonly kind: 'no-header' };

export const NEED_DATA: ProxyHeaderProgress = { kind: 'need-data' };
export const NO_HEADER: ProxyHeaderProgress = { kind: 'no-header' };

/** Whether `bytes` begin with `signature`, or could once there are more of them. */
export function beginsLike(bytes: Uint8Array, signature: Uint8Array): boolean {
  const shared = Math.min(bytes.length, signature.length);
  for (let i = 0; i < shared; i += 1) if (bytes[i] !== signature[i]) return false;
  return true;
}
