/**
 * A row of the table: names of Tornado, and where they went.
 *
 * @typedef {object} Row
 * @property {number} line - of the page.
 * @property {readonly string[]} tornado - full names, such as `tornado.web.HTTPError`.
 * @property {readonly OurName[]} ours - none if there is no counterpart.
 * @property {string} notes
 *
 * @typedef {object} OurName
 * @property {string} name - such as `IOLoop` or `IOLoop.current`.
 * @property {string} from - the entry point that exports it, such as `landspout/ioloop`.
 *
 * @typedef {object} Api
 * @property {ReadonlyMap<string, ReadonlySet<string>>} exports - what each entry point exports.
 * @property {ReadonlyMap<string, ReadonlySet<string>>} members - those of each class and interface, with what it inherits.
 */

/**
 * Reads the tables of docs/tornado-guide/reference.md.
 *
 * @param {string} page
 * @returns {{ modules: string[], rows: Row[] }}
 * @throws Error with the line of a row that has another form.
 */
export function readReference(page) {
  /** @type {string[]} */
  const modules = [];
  /** @type {string[]} */
  let current = [];
  /** @type {Row[]} */
  const rows = [];
  for (const [index, text] of page.split('\n').entries()) {
    const line = index + 1;
    if (text.startsWith('## ')) {
      current = text.slice(3).split(', ');
      modules.push(...current);
    } else if (text.startsWith('| `')) {
      const [, left = '', right = '', notes = '', ...rest] = text.split(/ ?\|(?: |$)/);
      if (rest.join('') !== '') throw new Error(`line ${line}: a row has three cells`);
      const tornado = spansOf(left).map((name) => fullName(name, current, line));
      rows.push({ line, tornado, ours: ourNames(right, line), notes });
    }
  }
  return { modules, rows };
}

/** @param {string} name @param {readonly string[]} modules @param {number} line */
function fullName(name, modules, line) {
  if (name.startsWith('tornado.')) return name;
  if (modules.length === 1) return `${modules[0]}.${name}`;
  throw new Error(
    `line ${line}: ${name} may be in each of ${modules.join(', ')}; write the module before it`,
  );
}

/**
 * Reads `A`, `B.c` (`landspout/web`), `D`: a path in parentheses is that of the names before it, up to another path.
 *
 * @param {string} cell @param {number} line @returns {OurName[]}
 */
function ourNames(cell, line) {
  if (cell === 'None') return [];
  /** @type {OurName[]} */
  const found = [];
  for (const [, names = '', from = 'landspout'] of cell.matchAll(
    /((?:`[\w.]+`(?:, )?)+)(?: \(`([\w/-]+)`\)(?:, )?)?/g,
  )) {
    found.push(...spansOf(names).map((name) => ({ name, from })));
  }
  const said = spansOf(cell.replaceAll(/\(`[^`]*`\)/g, ''));
  if (found.length === 0 || found.length !== said.length) {
    throw new Error(`line ${line}: the second cell has names of ours, or None: ${cell}`);
  }
  return found;
}

const spansOf = (/** @type {string} */ text) => [...text.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);

/**
 * Reads what the packages export from the pages of docs/api.
 *
 * @param {readonly string[]} pages @returns {Api}
 */
export function readApi(pages) {
  /** @type {Map<string, Set<string>>} */
  const exports = new Map();
  /** @type {Map<string, { members: Set<string>, bases: Set<string> }>} */
  const definitions = new Map();
  for (const page of pages) {
    for (const section of page.split(/^## /m).slice(1)) {
      const names = new Set();
      exports.set(section.slice(0, section.indexOf('\n')), names);
      readSection(section, names, definitions);
    }
  }
  const members = new Map([...definitions.keys()].map((name) => [name, inherited(name, definitions)]));
  return { exports, members };
}

const DEFINITION = /^(?:abstract )?(?:class|interface|function|const|type) ([\w$]+)(.*)$/;
const REEXPORT = /^([\w$]+) \(from \S+\)$/;
const MEMBER = /^ {2}(?:(?:static|readonly|abstract|protected|get|set|override|async) )*\*?([\w$]+)/;

/**
 * @param {string} section @param {Set<string>} names
 * @param {Map<string, { members: Set<string>, bases: Set<string> }>} definitions
 */
function readSection(section, names, definitions) {
  /** @type {{ members: Set<string>, bases: Set<string> } | undefined} */
  let current;
  for (const line of section.split('\n')) {
    const [, reexported] = REEXPORT.exec(line) ?? [];
    if (reexported !== undefined) names.add(reexported);
    const [, defined, rest = ''] = DEFINITION.exec(line) ?? [];
    if (defined !== undefined) {
      names.add(defined);
      current = definitions.get(defined) ?? { members: new Set(), bases: new Set() };
      definitions.set(defined, current);
      const [, bases = ''] = /(?:^| )(?:extends|=) (.*?)(?: implements .*)?$/.exec(rest) ?? [];
      for (const [base] of bases.matchAll(/[A-Z]\w+/g)) current.bases.add(base);
    }
    const [, member] = MEMBER.exec(line) ?? [];
    if (member !== undefined) current?.members.add(member);
  }
}

/**
 * @param {string} name
 * @param {ReadonlyMap<string, { members: ReadonlySet<string>, bases: ReadonlySet<string> }>} definitions
 */
function inherited(name, definitions) {
  const visited = new Set([name]);
  const members = new Set();
  for (const one of visited) {
    const definition = definitions.get(one);
    for (const member of definition?.members ?? []) members.add(member);
    for (const base of definition?.bases ?? []) visited.add(base);
  }
  return members;
}

/**
 * What is wrong with the table.
 *
 * @param {ReturnType<typeof readReference>} reference
 * @param {readonly string[]} names - all names of Tornado's reference, each with its kind after a space.
 * @param {Api} api
 * @returns {string[]} one line for each problem.
 */
export function referenceProblems({ modules, rows }, names, api) {
  const problems = [];
  /** @type {Map<string, number>} */
  const seen = new Map();
  for (const { line, tornado, ours, notes } of rows) {
    for (const name of tornado) {
      if (seen.has(name)) problems.push(`line ${line}: ${name} is in line ${seen.get(name)} too`);
      seen.set(name, line);
    }
    problems.push(
      ...ours.flatMap((our) => ourProblem(our, api) ?? []).map((text) => `line ${line}: ${text}`),
    );
    if (ours.length === 0 && notes === '') problems.push(`line ${line}: None needs a reason`);
  }
  for (const text of names) {
    const [name = '', kind] = text.split(' ');
    const isThere = kind === 'module' ? modules.includes(name) : seen.delete(name);
    if (!isThere) problems.push(`${name} is missing`);
  }
  for (const [name, line] of seen) problems.push(`line ${line}: Tornado has no ${name}`);
  return problems;
}

/** @param {OurName} ours @param {Api} api @returns {string | undefined} */
function ourProblem({ name, from }, { exports, members }) {
  const [exported = '', member] = name.split('.');
  const names = exports.get(from);
  if (names === undefined) return `${from} is no entry point`;
  if (!names.has(exported)) return `${from} does not export ${exported}`;
  if (member === undefined || members.get(exported)?.has(member)) return undefined;
  return `${exported} has no member ${member}`;
}
