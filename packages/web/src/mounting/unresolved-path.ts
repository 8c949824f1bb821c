/** A backslash, or a segment that is a dot or two dots, each of them as it is or as `%2e`. */
const UNRESOLVED = /\\|\/(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * Whether the URL parser of the WHATWG gives a path other segments than the application has matched to its routes: it
 * resolves dot segments in each spelling, and takes a backslash for a slash (URL Standard §4.4, path state).
 *
 * @param path - as sent, without the query.
 */
export function isUnresolvedPath(path: string): boolean {
  return UNRESOLVED.test(path);
}
