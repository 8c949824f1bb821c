import type { SocketAddress } from '@landspout/iostream';

/** The peer's IP address, without its port; `0.0.0.0` where the peer has none, as on a Unix socket (HS-04). */
export function remoteIpOf(address: SocketAddress): string {
  return 'address' in address ? address.address : '0.0.0.0';
}
