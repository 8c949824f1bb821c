/**
 * Columns of fixed width: text to the left in the first and last column, all else to the right.
 *
 * @param {readonly string[]} header
 * @param {readonly (readonly string[])[]} rows
 */
export function formatTable(header, rows) {
  const widths = header.map((title, column) =>
    Math.max(...[header, ...rows].map((row) => row[column].length), title.length),
  );
  const rule = widths.map((width) => '-'.repeat(width));
  const line = (cells) =>
    cells
      .map((cell, column) => {
        const left = column === 0 || column === cells.length - 1;
        return left ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
      })
      .join('  ')
      .trimEnd();
  return [header, rule, ...rows].map(line).join('\n');
}
