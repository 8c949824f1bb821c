// The values of labels that come from peers become one of a few.

/** The methods of RFC 9110 §9 and RFC 5789. A client may send any others. */
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'TRACE',
]);

/** Codes of RFC 6455 §7.4.1 and the registry that have a meaning of their own. */
const FIRST_CLOSE_CODE = 1000;
const LAST_CLOSE_CODE = 1015;
const LIBRARY_CODES = 3000;
const PRIVATE_CODES = 4000;
const END_OF_CODES = 5000;

/** Seconds have this many milliseconds. */
const SECOND_MS = 1_000;

/** '' for a request that was refused before its head was decoded. */
export function methodText(method: string | undefined): string {
  if (method === undefined) return '';
  return METHODS.has(method) ? method : 'other';
}

/** Such as `2xx`; `none` if there is no status. */
export function statusText(status: number | undefined): string {
  if (status === undefined || !(status >= 100 && status < 600)) return 'none';
  return `${Math.floor(status / 100)}xx`;
}

/** A code that is registered, `3xxx`, `4xxx` or `other`: the peer may send any of thousands. */
export function closeCodeText(code: number): string {
  if (code >= FIRST_CLOSE_CODE && code <= LAST_CLOSE_CODE) return String(code);
  if (code >= LIBRARY_CODES && code < PRIVATE_CODES) return '3xxx';
  return code >= PRIVATE_CODES && code < END_OF_CODES ? '4xxx' : 'other';
}

/** Never negative, as an observation must be. */
export function secondsOf(durationMs: number): number {
  return Math.max(0, durationMs / SECOND_MS);
}
