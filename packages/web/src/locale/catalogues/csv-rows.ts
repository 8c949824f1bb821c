import type { CatalogueSource } from './catalogue-source.ts';

/** One row of a CSV file. */
export interface CsvRow {
  /** The number of the line where it starts, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Reads the rows of comma-separated values (RFC 4180). Cells may be in quotation marks; a quotation mark in such a cell
 * is written twice, and the cell may contain line breaks. Lines end with CRLF, LF or CR. Empty lines are skipped. A
 * quotation mark inside a cell that does not start with one is a plain character.
 *
 * @throws CatalogueError `ERR_WEB_CATALOGUE` if a quotation mark is not closed, or text follows one that is.
 */
export function* csvRows(text: string, source: CatalogueSource): Generator<CsvRow> {
  const reader = new CellReader(text, source);
  while (!reader.isAtEnd) {
    const { line } = reader;
    const cells = [reader.cell()];
    while (reader.skipComma()) cells.push(reader.cell());
    reader.skipLineBreak();
    if (cells.length > 1 || cells[0] !== '') yield { line, cells };
  }
}

const CELL_END = /[,\r\n]/g;

/** Reads cell by cell. */
class CellReader {
  readonly #text: string;
  readonly #source: CatalogueSource;
  #at = 0;
  #line = 1;

  constructor(text: string, source: CatalogueSource) {
    this.#text = text;
    this.#source = source;
  }

  get line(): number {
    return this.#line;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  cell(): string {
    if (this.#text[this.#at] === '"') return this.#quoted();
    CELL_END.lastIndex = this.#at;
    const end = CELL_END.exec(this.#text)?.index ?? this.#text.length;
    const cell = this.#text.slice(this.#at, end);
    this.#at = end;
    return cell;
  }

  skipComma(): boolean {
    if (this.#text[this.#at] !== ',') return false;
    this.#at += 1;
    return true;
  }

  skipLineBreak(): void {
    if (this.isAtEnd) return;
    this.#at += this.#text.startsWith('\r\n', this.#at) ? 2 : 1;
    this.#line += 1;
  }

  #quoted(): string {
    const start = this.#line;
    let cell = '';
    for (;;) {
      const end = this.#text.indexOf('"', this.#at + 1);
      if (end === -1) throw this.#source.error('the quotation mark that starts a cell is not closed', start);
      const piece = this.#text.slice(this.#at + 1, end);
      cell += piece;
      this.#line += lineBreaks(piece);
      this.#at = end + 1;
      if (this.#text[this.#at] !== '"') break;
      cell += '"';
    }
    const next = this.#text[this.#at];
    if (next === undefined || next === ',' || next === '\r' || next === '\n') return cell;
    const remedy = 'a quotation mark inside a cell is written twice, and there is no space around commas';
    throw this.#source.error(`a comma was expected after the closing quotation mark: ${remedy}`, this.#line);
  }
}

function lineBreaks(text: string): number {
  return text.match(/\r\n|\r|\n/g)?.length ?? 0;
}
