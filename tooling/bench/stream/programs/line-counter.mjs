import { measure, report, settings } from '../../program.mjs';

/**
 * Counts the lines of one connection, and ends the process if one is missing, doubled or torn, or with the result.
 *
 * @param {string} backend @param {{ withEnd: boolean }} options - whether the lines come with their LF.
 * @returns {(line: string | Buffer) => void} what sees each line.
 */
export function lineCounter(backend, { withEnd }) {
  const length = settings.lineBytes - (withEnd ? 0 : 1);
  let count = 0;
  let last = '';
  void measure(() => count).then((measured) => {
    const number = Number(last.toString().slice(0, 10)); // Each line begins with its number in ten digits.
    if (number !== count - 1) fail(`line ${number} where ${count} lines came`);
    report({ backend, ...measured });
  });
  return (line) => {
    if (line.length !== length) fail(`a line of ${line.length} characters, not ${length}`);
    count += 1;
    last = line;
  };
}

/** Ends the process: what reads the stream might catch an error and go on. */
function fail(message) {
  console.error(message);
  process.exit(1);
}
