import { getFips } from 'node:crypto';
import { LoopUsageError } from '../loop-errors.ts';
import type { NativeBinding } from './native-binding.ts';
import type { TlsBinding } from './tls-binding.ts';

/** The TLS calls of the native binding, or the reason why node:tls is used instead, worded to follow a colon. */
export type TlsLoad = { readonly binding: TlsBinding } | { readonly reason: string };

/** Flags of Node with which only node:tls does what they ask for. */
const NODE_ONLY_FLAGS = ['--tls-keylog', '--trace-tls', '--enable-fips', '--force-fips'];

/**
 * Decides whether this thread performs TLS with the native calls: on the native backend, if OpenSSL's functions are
 * found in this process and a handshake in memory succeeds. FIPS mode, and flags of Node that only node:tls implements,
 * select node:tls.
 *
 * The environment variable LANDSPOUT_TLS decides: `node` selects node:tls, `native` requires the native calls, and
 * without the variable they are used if they are available.
 *
 * @throws LoopUsageError `ERR_LOOP_BACKEND` if `native` was set but is not available, or if the variable has any other
 *   value.
 */
export function loadTls(binding: NativeBinding): TlsLoad {
  const wish = process.env.LANDSPOUT_TLS ?? '';
  switch (wish) {
    case '':
      return load(binding);
    case 'node':
      return { reason: 'LANDSPOUT_TLS=node was set' };
    case 'native': {
      const native = load(binding);
      if ('binding' in native) return native;
      throw unavailable(`LANDSPOUT_TLS=native was set, but native TLS is not available: ${native.reason}`);
    }
    default:
      throw unavailable(
        `LANDSPOUT_TLS must be native, node or empty, not ${JSON.stringify(wish.slice(0, 40))}`,
      );
  }
}

function unavailable(problem: string): LoopUsageError {
  return new LoopUsageError('ERR_LOOP_BACKEND', problem);
}

function load(binding: NativeBinding): TlsLoad {
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
