import type { Result } from './scenario.ts';

/** The columns of the table, each with what it shows of a row that got to its end. */
const HEAD = [
  'Fault',
  'Delivered',
  'Lost',
  'Doubled',
  'Out of order',
  'Hung',
  'Gaps',
  'Again after a gap',
  'Published',
  'Lost by the store',
  'Errors at publishers',
  'Unknown, and found later',
  'Expected',
  'As expected',
] as const;

/** Counts of one kind, such as `3 reset, 1 future`. */
function listOf(counts: ReadonlyMap<string, number>): string {
  const names = [...counts].sort(([one], [other]) => one.localeCompare(other));
  return names.map(([name, count]) => `${count} ${name}`).join(', ') || '0';
}

function rowOf({ scenario, readers, publishers, problems }: Result): string[] {
  const verdict = problems.length === 0 ? 'yes' : 'NO';
  const { name, expected } = scenario;
  if (readers === undefined || publishers === undefined) {
    return [name, ...HEAD.slice(0, -3).map(() => '-'), expected.text, verdict];
  }
  const unknown = publishers.unknownFound + publishers.unknownNotFound;
  return [
    name,
    `${readers.delivered} at ${readers.readers}`,
    String(readers.lost),
    String(readers.doubled),
    String(readers.disordered),
    String(readers.hung),
    listOf(readers.gaps),
    String(readers.again),
    String(publishers.settled),
    String(publishers.settledNotFound),
    listOf(publishers.errors),
    `${publishers.unknownFound} of ${unknown}`,
    expected.text,
    verdict,
  ];
}

/** The table, and under it what was not as expected. */
export function tableOf(results: readonly Result[], isMarkdown: boolean): string {
  const rows = [[...HEAD], ...results.map(rowOf)];
  const lines = isMarkdown ? markdownOf(rows) : textOf(rows);
  for (const { scenario, problems } of results) {
    for (const problem of problems) lines.push('', `${scenario.name}: ${problem}`);
  }
  return lines.join('\n');
}

function markdownOf([head = [], ...rows]: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/** With columns as wide as their widest cell. */
function textOf(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
