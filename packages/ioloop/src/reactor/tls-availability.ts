import { getFips } from 'node:crypto';
import type { NativeBinding } from './native-binding.ts';
import type { TlsBinding } from './tls-binding.ts';

/** The TLS calls of the native binding, or the reason why node:tls is used instead, worded to follow a colon. */
export type TlsLoad = { readonly binding: TlsBinding } | { readonly reason: string };

/** Flags of Node with which only node:tls does what they ask for. */
const NODE_ONLY_FLAGS = ['--tls-keylog', '--trace-tls', '--enable-fips', '--force-fips'];

/**
 * Decides whether this thread performs TLS with the native calls: on the native backend, if OpenSSL's functions are
 * found in this process and a handshake in memory succeeds. `LANDSPOUT_TLS=node` forces node:tls, and so do FIPS mode
 * and flags of Node that only node:tls implements.
 */
export function loadTls(binding: NativeBinding): TlsLoad {
  const wish = process.env.LANDSPOUT_TLS ?? '';
  if (wish === 'node') return { reason: 'LANDSPOUT_TLS=node was set' };
  if (wish !== '' && wish !== 'native')
    return {
      reason: `LANDSPOUT_TLS must be native, node or empty, not ${JSON.stringify(wish.slice(0, 40))}`,
    };
  const flag = nodeFlags().find((given) => NODE_ONLY_FLAGS.includes(nameOf(given)));
  if (flag !== undefined) return { reason: `Node was started with ${flag}` };
  if (getFips() !== 0) return { reason: 'OpenSSL is in FIPS mode' };
  const { openssl } = process.versions;
  if (openssl === undefined) return { reason: 'this Node was built without OpenSSL' };
  const problem = binding.tlsLoad(openssl);
  return problem === undefined ? { binding } : { reason: problem };
}

/** Node takes underscores for hyphens. */
function nameOf(flag: string): string {
  return (flag.split('=')[0] as string).replaceAll('_', '-');
}

function nodeFlags(): string[] {
  return [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
}
