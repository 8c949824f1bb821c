import { TLS_CLIENT_OPTIONS } from '@landspout/iostream/transports';
import { HTTPClientUsageError } from './usage.ts';

const NO_AGENT = 'agents are not used; what they do is set by tls, proxy and localAddress';

/** Options of node:https, of undici and of ws, and what to use instead; `TLS` stands for the option `tls`. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['pfx', 'convert it to PEM with openssl pkcs12, and set TLS.certFile and TLS.keyFile'],
  ['checkServerIdentity', 'set TLS.servername to the name that the certificate must have'],
  ['agent', NO_AGENT],
  ['dispatcher', NO_AGENT],
]);

/**
 * Refuses options that are given in a wrong place, with the right one.
 *
 * @param operation - names the caller in messages.
 * @param known - the names that are allowed here; they are not refused.
 * @param tls - where the TLS options are, such as `defaults.tls`.
 * @param nested - the names of options that are allowed in `defaults` instead.
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE`.
 */
export function refuseMisplaced(
  operation: string,
  options: unknown,
  known: object,
  tls: string,
  nested: object = {},
): void {
  if (typeof options !== 'object' || options === null) return;
  for (const name in options) {
    if (Object.hasOwn(known, name) || (options as Record<string, unknown>)[name] === undefined) continue;
    let remedy = FOREIGN.get(name)?.replaceAll('TLS', tls);
    if (Object.hasOwn(TLS_CLIENT_OPTIONS, name)) remedy = `set ${tls}.${name}`;
    if (Object.hasOwn(nested, name)) remedy = `set defaults.${name}`;
    if (remedy === undefined) continue;
    throw new HTTPClientUsageError(
      'ERR_HTTPCLIENT_USAGE',
      `${operation}: unknown option "${name}": ${remedy}`,
    );
  }
}
