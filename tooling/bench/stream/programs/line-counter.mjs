import { measure, report, settings } from '../../program.mjs';

/** Digits of the number that each line begins with. */
const DIGITS = 10;

/** Counts the lines of one connection, and makes sure that none is missing, doubled or torn. */
export class LineCounter {
  #length;
  #count = 0;
  #last;

  /** @param {{ withEnd: boolean }} options - whether the lines come with their LF. */
  constructor({ withEnd }) {
    this.#length = settings.lineBytes - (withEnd ? 0 : 1);
  }

  /** @param {string | Buffer} line */
  see(line) {
    if (line.length !== this.#length) fail(`a line of ${line.length} characters, not ${this.#length}`);
    this.#count += 1;
    this.#last = line;
  }

  /** Measures while the lines come, prints the result and ends the process. */
  async report(backend) {
    const measured = await measure(() => this.#count);
    const number = Number(this.#last?.toString().slice(0, DIGITS));
    if (number !== this.#count - 1) fail(`line ${number} where ${this.#count} lines came`);
    report({ backend, ...measured });
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
