import type { SaveProgress } from '@landspout/httpclient';

/** A redraw for each chunk would cost more than the download. */
const REDRAW_MS = 100;
const DEFAULT_COLUMNS = 80;
const MIN_BAR_COLUMNS = 10;
const MAX_BAR_COLUMNS = 40;
const ERASE_LINE = '\r\x1b[2K';

export interface ProgressTerminal {
  /** 0 or undefined if it is unknown. */
  readonly columns: number | undefined;
  write(text: string): unknown;
}

/** A line on a terminal that shows how much has been received: percent, a bar, bytes and rate. */
export class ProgressLine {
  readonly #terminal: ProgressTerminal;
  readonly #now: () => number;
  readonly #startedAt: number;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #last: SaveProgress | undefined;

  /** @param now - the time in milliseconds. */
  constructor(terminal: ProgressTerminal, now: () => number) {
    this.#terminal = terminal;
    this.#now = now;
    this.#startedAt = now();
  }

  /** Shows the progress, at most ten times per second. */
  show(progress: SaveProgress): void {
    this.#last = progress;
    const now = this.#now();
    if (now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#draw(progress, now);
  }

  /** Shows the last state and ends the line. Does nothing if nothing was shown. */
  end(): void {
    if (this.#last === undefined) return;
    this.#draw(this.#last, this.#now());
    this.#terminal.write('\n');
    this.#last = undefined;
  }

  #draw(progress: SaveProgress, now: number): void {
    const line = progressText(progress, now - this.#startedAt, this.#terminal.columns || DEFAULT_COLUMNS);
    this.#terminal.write(ERASE_LINE + line);
  }
}

/** Describes the progress in one line that is shorter than the terminal, so that it never wraps. */
export function progressText(
  { receivedBytes, totalBytes }: SaveProgress,
  elapsedMs: number,
  columns: number,
): string {
  const rate = elapsedMs > 0 ? `, ${sizeText((receivedBytes * 1000) / elapsedMs)}/s` : '';
  if (totalBytes === undefined || totalBytes === 0)
    return `${sizeText(receivedBytes)}${rate}`.slice(0, columns - 1);
  const part = Math.min(1, receivedBytes / totalBytes);
  const percent = `${Math.floor(part * 100)}%`.padStart(4);
  const bytes = `${sizeText(receivedBytes)} of ${sizeText(totalBytes)}${rate}`;
  const room = Math.min(MAX_BAR_COLUMNS, columns - percent.length - bytes.length - 5);
  const bar = room < MIN_BAR_COLUMNS ? '' : ` [${'#'.repeat(Math.floor(part * room)).padEnd(room)}]`;
  return `${percent}${bar} ${bytes}`.slice(0, columns - 1);
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Formats a number of bytes with a unit, such as `1.5 MiB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // From 1023.95 on, one decimal would be rounded to 1024.0.
  for (; value >= (unit === 0 ? 1024 : 1023.95) && unit < UNITS.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
