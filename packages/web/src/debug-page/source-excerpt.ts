// The lines around a position. Does not read files.

export interface ExcerptLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/** Some lines of a source file. */
export interface SourceExcerpt {
  /** The absolute path. */
  readonly file: string;
  /** The number of the line that is marked. */
  readonly line: number;
  /** The marked character of the text of that line, from 1; 0 if none is. */
  readonly column: number;
  readonly lines: readonly ExcerptLine[];
  /** Whether the file was changed after the process started. */
  readonly isNewer: boolean;
}

/** Lines before and after the marked one. */
const LINES_AROUND = 5;
const MAX_LINE_CHARS = 300;

/**
 * Returns the lines around a position, clipped to 300 characters each; of the marked line, those around the column.
 *
 * @param line - from 1. Returns undefined if the text does not have it.
 * @param column - from 1; 0 if it is not known.
 */
export function excerptOf(
  file: string,
  { text, isNewer }: { readonly text: string; readonly isNewer: boolean },
  line: number,
  column: number,
): SourceExcerpt | undefined {
  const first = Math.max(1, line - LINES_AROUND);
  const lines: ExcerptLine[] = [];
  let marked: string | undefined;
  let start = startOfLine(text, first);
  for (let number = first; start !== -1 && number <= line + LINES_AROUND; number += 1) {
    const end = text.indexOf('\n', start);
    const whole = text.slice(start, end === -1 ? undefined : end).replace(/\r$/, '');
    if (number === line) marked = whole;
    lines.push({ number, text: number === line ? whole : clip(whole) });
    start = end === -1 ? -1 : end + 1;
  }
  if (marked === undefined) return undefined;
  const { shown, at } = around(marked, column);
  return {
    file,
    line,
    column: at,
    isNewer,
    lines: lines.map((item) => (item.number === line ? { ...item, text: shown } : item)),
  };
}

/** Returns where a line starts; -1 if there are fewer. */
function startOfLine(text: string, line: number): number {
  let start = 0;
  for (let number = 1; number < line; number += 1) {
    const end = text.indexOf('\n', start);
    if (end === -1) return -1;
    start = end + 1;
  }
  return start;
}

/** The part of a long line around a column, such as that of a minified file. */
function around(text: string, column: number): { readonly shown: string; readonly at: number } {
  const at = column >= 1 && column <= text.length ? column : 0;
  if (text.length <= MAX_LINE_CHARS || at <= MAX_LINE_CHARS / 2) return { shown: clip(text), at };
  const start = at - MAX_LINE_CHARS / 2;
  return { shown: `…${clip(text.slice(start))}`, at: at - start + 1 };
}

function clip(text: string): string {
  return text.length > MAX_LINE_CHARS ? `${text.slice(0, MAX_LINE_CHARS)}…` : text;
}
