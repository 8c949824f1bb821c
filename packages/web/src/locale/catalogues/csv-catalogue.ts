import { shownText } from '@landspout/ioloop/errors';
import type { CatalogueSource } from './catalogue-source.ts';
import { type CsvRow, csvRows } from './csv-rows.ts';
import { PLURAL_CATEGORIES, TextCatalogue, type TextForm } from './text-catalogue.ts';

const FORMS: readonly string[] = ['unknown', 'singular', 'plural', ...PLURAL_CATEGORIES];

/**
 * Makes a catalogue of rows with a message, its translation, and optionally the form. White space around cells is
 * removed. A row without a translation counts as missing.
 *
 * @throws CatalogueError `ERR_WEB_CATALOGUE`, with the line, if the file is malformed or a row is.
 */
export function csvCatalogue(tag: string, text: string, source: CatalogueSource): TextCatalogue {
  const catalogue = new TextCatalogue(tag);
  for (const row of csvRows(text, source)) {
    const [message = '', translation = '', ...rest] = row.cells.map((cell) => cell.trim());
    // Spreadsheets write rows of commas for empty lines.
    if (message === '' && translation === '' && rest.every((cell) => cell === '')) continue;
    const form = formOf(row, rest, source);
    if (message === '') throw source.error('the first cell of the row, the message, is empty', row.line);
    if (translation === '') continue;
    if (catalogue.add(form, message, translation)) source.warnDuplicate(message, row.line);
    // The singular may lack the count, and the row does not name the plural.
    if (form === 'unknown' || form === 'plural') source.warnPlaceholders(translation, [message], row.line);
  }
  return catalogue;
}

function formOf({ line, cells }: CsvRow, rest: readonly string[], source: CatalogueSource): TextForm {
  const [indicator = '', ...others] = rest;
  if (cells.length < 2 || others.some((cell) => cell !== '')) {
    const problem = `a row has two or three cells (message, translation, form), but this one has ${cells.length}`;
    throw source.error(`${problem}: put a text that contains a comma in quotation marks`, line);
  }
  if (indicator === '') return 'unknown';
  if (FORMS.includes(indicator)) return indicator as TextForm;
  const expected = FORMS.slice(0, -1).join(', ');
  const problem = `the third cell must be ${expected} or ${FORMS.at(-1)}, got ${shownText(indicator)}`;
  throw source.error(`${problem}: put a text that contains a comma in quotation marks`, line);
}
