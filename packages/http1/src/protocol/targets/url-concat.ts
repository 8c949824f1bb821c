import { formatQuery, type QueryInit } from './query.ts';

/**
 * Adds arguments to the query of a URL, behind those that it has. What stands there is not touched, nor is a fragment.
 *
 * @param url - absolute or relative.
 * @param fields - a name may come more than once; none, null and undefined change nothing.
 * @throws Http1UsageError as {@link formatQuery}.
 *
 * @example
 * urlConcat('/search?q=a#top', { page: 2 }); // /search?q=a&page=2#top
 */
export function urlConcat(url: string, fields: QueryInit | null | undefined): string {
  const added = fields === null || fields === undefined ? '' : formatQuery(fields);
  if (added === '') return url;
  const hash = url.indexOf('#');
  const end = hash === -1 ? url.length : hash;
  const base = url.slice(0, end);
  return `${base}${jointAfter(base)}${added}${url.slice(end)}`;
}

function jointAfter(base: string): string {
  if (!base.includes('?')) return '?';
  return base.endsWith('?') || base.endsWith('&') ? '' : '&';
}
