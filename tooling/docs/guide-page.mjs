/** Where the programs of the guide are, as seen from its pages. */
const PROGRAMS = '../../apps/examples/tornado-guide';

/** Extensions of files, and how their blocks of code are marked. @type {Readonly<Record<string, string>>} */
const LANGUAGES = {
  py: 'python',
  ts: 'ts',
  html: 'html',
  eta: 'html',
  csv: 'csv',
  json: 'json',
  conf: 'ini',
};

const PAIR = /(<!-- pair:begin (\S+)(?: (\S+))? -->\n)(?:[\s\S]*?\n)??(<!-- pair:end -->)/g;

/**
 * Writes the programs into a page of the guide: after each `<!-- pair:begin structure/routes -->` and before the
 * `<!-- pair:end -->` that follows it, Tornado's program `structure/routes.py` and ours, `structure/routes.ts`, side by
 * side. Two files of other types are named one by one: `<!-- pair:begin templates/page.html templates/page.eta -->`.
 *
 * @param {string} page
 * @param {(file: string) => string} read - returns the text of a file below the folder of the programs.
 * @returns {{ text: string, files: string[] }} the page, and the files that are on it.
 * @throws Error if a marker has no other one that belongs to it.
 */
export function fillPage(page, read) {
  /** @type {string[]} */
  const files = [];
  const text = page.replaceAll(PAIR, (_, begin, left, right, end) => {
    const names = right === undefined ? [`${left}.py`, `${left}.ts`] : [left, right];
    files.push(...names);
    return `${begin}${table(names.map((name) => ({ name, code: read(name) })))}\n${end}`;
  });
  const markers = [...page.matchAll(/<!-- pair:(?:begin|end)/g)].length;
  if (markers !== files.length) throw new Error(`${markers} markers make ${files.length / 2} pairs`);
  return { text, files };
}

/** @param {readonly { name: string, code: string }[]} files */
function table(files) {
  // Two files of one type are read by both programs.
  const isShared = new Set(files.map(({ name }) => name.slice(name.lastIndexOf('.')))).size === 1;
  const heads = files.map(({ name }, at) => {
    const framework = isShared ? '' : `${at === 0 ? 'Tornado' : 'Landspout'}: `;
    return `<th>${framework}<a href="${PROGRAMS}/${name}">${name.slice(name.lastIndexOf('/') + 1)}</a></th>`;
  });
  const cells = files.map(({ name, code }) => {
    const language = LANGUAGES[name.slice(name.lastIndexOf('.') + 1)] ?? '';
    return `<td valign="top">\n\n\`\`\`${language}\n${code.trimEnd()}\n\`\`\`\n\n</td>`;
  });
  return `<table>\n<tr>${heads.join('')}</tr>\n<tr>${cells.join('')}</tr>\n</table>`;
}
