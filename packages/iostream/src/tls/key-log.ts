import type { IOLoop } from '@landspout/ioloop';
import { callReporting } from '@landspout/ioloop/reactor';

/** A line of a key log with its line feed. */
const LINE = /[^\n]+\n?/g;

/** Passes each of `lines` to the function of the option `keyLog`. An error of the function is logged. */
export function reportKeyLines(keyLog: (line: string) => void, lines: string, loop: IOLoop): void {
  for (const [line] of lines.matchAll(LINE)) {
    callReporting(keyLog, [line], (error) => loop.logger.error({ error }, 'the option keyLog of TLS threw'));
  }
}
