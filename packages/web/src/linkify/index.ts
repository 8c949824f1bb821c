/**
 * `linkify`, which turns the URLs in text into links. It is a subpath of its own because it needs the package
 * `linkify-it`, an optional peer dependency: `npm i linkify-it`. Without it, the import of this subpath rejects with a
 * WebUsageError `ERR_WEB_MISSING_PEER`. The subpath cannot be loaded with `require`, but with `import()`.
 *
 * @packageDocumentation
 */

export { type LinkAttributes, type LinkifyOptions, linkify } from './linkify.ts';
