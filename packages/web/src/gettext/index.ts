/**
 * Catalogues of gettext that are not in files: `parsePo` and `parseMo` make catalogues for `new Locales({ … })` of
 * `@landspout/web`. For a folder of files, call `Locales.fromGettext`.
 *
 * @packageDocumentation
 */

export type { Catalogue, MessageLookup } from '../locale/catalogues/catalogue.ts';
export { CatalogueError } from '../locale/catalogues/catalogue-error.ts';
export { type ParseCatalogueOptions, parseMo, parsePo } from './parse-catalogue.ts';
