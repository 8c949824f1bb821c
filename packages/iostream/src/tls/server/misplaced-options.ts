import { nodeTlsProblem } from '../option-types.ts';
import { TLS_SERVER_OPTIONS } from './server-settings.ts';

/**
 * Describes an option of TLS that is beside the option `tls` instead of in it, as in `https.createServer`, the way
 * `optionsProblem` does. `undefined` if there is none.
 */
export function misplacedTlsProblem(options: unknown): string | undefined {
  if (typeof options !== 'object' || options === null) return undefined;
  const given = options as Readonly<Record<string, unknown>>;
  for (const name of ['https', 'ssl', ...Object.keys(TLS_SERVER_OPTIONS)]) {
    if (given[name] === undefined) continue;
    const inside = name in TLS_SERVER_OPTIONS ? name : 'certFile, keyFile';
    return `unknown option "${name}": set tls: { ${inside} }`;
  }
  return nodeTlsProblem(options);
}
