/**
 * Catalogues of gettext for the locales of `@landspout/web`.
 *
 * @packageDocumentation
 */

export {};
