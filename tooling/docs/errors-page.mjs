/**
 * @typedef {import('./error-tables.mjs').ErrorTable} ErrorTable
 * @typedef {import('./error-tables.mjs').ErrorSources & { name: string }} LayerErrors
 */

const INTRODUCTION = `# Errors

Generated from the tables in the sources by \`pnpm docs:errors\`; do not edit.

Tell errors apart by their \`code\`. The message is for people, and its wording may change in any release. The class
says what kind of problem it is: \`…ProtocolError\` means that the peer broke a rule, and \`…UsageError\` that the
caller made a mistake. \`…ClosedError\`, \`…TimeoutError\` and \`…LimitError\` mean that something ended, took too
long or grew too large. Other class names (\`…ConnectError\`, \`…FileError\`, \`…HandshakeError\`, \`…InputError\` and so
on) say what failed. An error of the operating system is a \`SystemError\` with the code of the system, such as
\`EADDRINUSE\`. \`ThreadPoolExecutor\` rejects with a copy of the error that a task throws, so compare the \`name\` of
such an error rather than its class.
`;

/**
 * The page of all errors.
 *
 * @param {readonly LayerErrors[]} layers - lowest first.
 * @returns {string} Markdown.
 * @throws Error when two tables have the same code: a code must say which layer it comes from.
 */
export function errorsPage(layers) {
  const parts = [INTRODUCTION];
  /** @type {Map<string, string>} */
  const owners = new Map();
  for (const layer of layers.filter(({ tables }) => tables.length > 0)) {
    parts.push(`## ${layer.name}\n`);
    for (const table of layer.tables) {
      for (const code of table.codes.keys()) {
        const owner = owners.get(code);
        if (owner !== undefined)
          throw new Error(`${code} is in a table of ${owner} and in another of ${layer.name}`);
        owners.set(code, layer.name);
      }
      parts.push(tablePart(table, layer.classes));
    }
  }
  return parts.join('\n');
}

/** @param {ErrorTable} table @param {LayerErrors['classes']} classes */
function tablePart({ about, codes }, classes) {
  const facts = [...new Set([...codes.values()].flatMap((one) => Object.keys(one)))];
  const rows = [...codes].map(([code, values]) => {
    const carriers = [...classes]
      .filter(([, carried]) => carried.includes(code))
      .map(([name]) => `\`${name}\``);
    return row([`\`${code}\``, carriers.join(', '), ...facts.map((fact) => cell(values[fact] ?? ''))]);
  });
  const head = row(['Code', 'Class', ...facts.map(heading)]);
  const rule = row(['---', '---', ...facts.map(() => '---')]);
  return `${about === '' ? '' : `${about}\n\n`}${[head, rule, ...rows].join('\n')}\n`;
}

const row = (/** @type {string[]} */ cells) => `| ${cells.join(' | ')} |`;

const cell = (/** @type {string} */ text) => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');

/** `closeCode` reads as "Close code". @param {string} fact */
function heading(fact) {
  const words = fact.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
