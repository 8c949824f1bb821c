/**
 * Controls, halves of surrogate pairs, and the marks that turn the direction of what follows, with which a text
 * could look like something else. The page shows text as text in any case; this keeps it honest as well.
 */
const NOT_TEXT = /[\p{Cc}\p{Cs}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
/** The same without line ends, which a message may have. */
const NOT_MESSAGE = /(?!\n)[\p{Cc}\p{Cs}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
/** What takes no room on the screen, alone or at all. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{White_Space}\u2800]/gu;
/** A visible character may have marks upon marks; this many units in all are plenty for honest ones. */
const UNITS_PER_CHARACTER = 8;

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * Makes a name fit to be shown: without controls, and with single spaces.
 *
 * @returns the name, or `undefined` when nothing visible is left or it has more than `maxCharacters`.
 */
export function cleanName(name: string, maxCharacters: number): string | undefined {
  if (name.length > maxCharacters * UNITS_PER_CHARACTER) return undefined;
  const clean = name.replace(/\s+/gu, ' ').replace(NOT_TEXT, '').trim();
  if (clean.replace(INVISIBLE, '') === '') return undefined;
  return countCharacters(clean) <= maxCharacters ? clean : undefined;
}

/** Makes a message fit to be shown. @returns the text, empty when nothing visible is left. */
export function cleanText(text: string): string {
  const clean = text.replace(/\r\n?/gu, '\n').replace(NOT_MESSAGE, '').trim();
  return clean.replace(INVISIBLE, '') === '' ? '' : clean;
}

/** Two names that look the same to a hurried reader have the same key. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').replace(INVISIBLE, '').toLowerCase();
}

/** The first visible characters of a text. */
export function firstCharacters(text: string, count: number): string {
  let end = 0;
  for (const { index, segment } of characters.segment(text)) {
    if (count === 0) break;
    count -= 1;
    end = index + segment.length;
  }
  return text.slice(0, end);
}

function countCharacters(text: string): number {
  return [...characters.segment(text)].length;
}
