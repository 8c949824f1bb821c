import type { ParsedPart, ParserConfig } from './load-eta.ts';

/**
 * Finds the line on which the code of each tag starts, from 1. The parser itself counts lines from the start of the
 * template for each tag, which takes quadratic time.
 *
 * @returns the lines, in the order of the tags.
 */
export function tagLines(
  source: string,
  parts: readonly ParsedPart[],
  { tags, parse }: ParserConfig,
): number[] {
  const [open, close] = tags;
  const prefixes = [parse.exec, parse.interpolate, parse.raw].filter((prefix) => prefix !== '');
  const opening = new RegExp(`${escaped(open)}[-_]?\\s*(?:${prefixes.map(escaped).join('|')})?\\s*`, 'y');
  const lines: number[] = [];
  let line = 1;
  let counted = 0;
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'string') continue;
    // The text before a tag cannot contain the opening delimiter.
    const openAt = source.indexOf(open, at);
    opening.lastIndex = openAt;
    const codeAt = openAt < 0 ? at : openAt + (opening.exec(source)?.[0].length ?? 0);
    for (let next = source.indexOf('\n', counted); next >= 0 && next < codeAt; ) {
      line += 1;
      counted = next + 1;
      next = source.indexOf('\n', counted);
    }
    lines.push(line);
    const end = source.indexOf(close, codeAt + part.val.length);
    at = end < 0 ? source.length : end + close.length;
  }
  return lines;
}

function escaped(text: string): string {
  return text.replace(/[.*+\-?^${}()|[\]\\]/g, '\\$&');
}
