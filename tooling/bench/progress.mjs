/** One line that the next one replaces; lines of their own where nobody watches. @param {string} text */
export function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text !== '') process.stderr.write(`${text}\n`);
}
