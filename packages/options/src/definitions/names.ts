/** Names of options are clipped to this length before anything is compared. */
const MAX_CHARS = 100;
const CAMEL = /([a-z0-9])([A-Z])|([A-Z]+)(?=[A-Z][a-z])/g;

/**
 * Returns the name on the command line, without dashes in front: `maxBodySize`, `max_body_size` and `max-body-size` are
 * all `max-body-size`.
 */
export function flagName(name: string): string {
  return name
    .slice(0, MAX_CHARS)
    .replace(CAMEL, (_, lower = '', upper = '', letters = '') => `${lower}${letters}-${upper}`)
    .replaceAll('_', '-')
    .toLowerCase();
}

/** Returns the name of an environment variable: `MAX_BODY_SIZE` with the prefix before it. */
export function environmentName(prefix: string, flag: string): string {
  const name = flag.replaceAll('-', '_').toUpperCase();
  return prefix === '' || prefix.endsWith('_') ? `${prefix}${name}` : `${prefix}_${name}`;
}
