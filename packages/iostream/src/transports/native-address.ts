import type { NativeAddress } from '@landspout/ioloop';
import type { SocketAddress } from '../transport.ts';

export const NO_ADDRESS: SocketAddress = { family: 'unix', path: '' };

/** The address as the native side gives it; an unnamed or vanished one is an empty path. */
export function toSocketAddress(native: NativeAddress | number): SocketAddress {
  if (typeof native === 'number') return NO_ADDRESS;
  if (native.length === 1) return { family: 'unix', path: native[0] };
  return { family: native[2] === 4 ? 'IPv4' : 'IPv6', address: native[0], port: native[1] };
}
