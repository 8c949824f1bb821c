/**
 * `unescapeHtml`, which turns the character references of HTML into characters. It is a subpath of its own because it
 * needs the package `entities`, an optional peer dependency: `npm i entities`. Without it, the import of this subpath
 * rejects with a WebUsageError `ERR_WEB_MISSING_PEER`. The subpath cannot be loaded with `require`, but with `import()`.
 *
 * @packageDocumentation
 */

export { unescapeHtml } from './unescape-html.ts';
