// `node tooling/docs/adr-check.mjs [root]`: holds docs/adr against itself and against the tests that it names, so
// that a record can neither outgrow its page nor outlive the test that holds it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const MAX_LINES = 60;
const FILE_NAME = /^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.md$/;
const HEADING =
  /^# (\d{4}) \S.* \((contract|decision), (accepted|not built|superseded by \d{4}), \d{4}-\d{2}-\d{2}\)$/;
const SECTIONS = ['Context', 'Decision', 'Consequences', 'What would change our mind'];
const HELD_BY = 'Held by';

const root = path.resolve(process.argv[2] ?? fileURLToPath(new URL('../..', import.meta.url)));
const folder = path.join(root, 'docs/adr');
/** @type {string[]} */
const problems = [];
let titles = 0;

const files = readdirSync(folder).sort();
for (const [at, file] of files.entries()) {
  const number = String(at + 1).padStart(4, '0');
  if (FILE_NAME.exec(file)?.[1] !== number)
    problems.push(`${file}: ${number}-some-title.md was expected here: numbers have no gaps`);
  checkRecord(file, readFileSync(path.join(folder, file), 'utf8'));
}

for (const problem of problems) console.error(`docs/adr/${problem}`);
if (problems.length > 0) process.exitCode = 1;
else console.log(`${files.length} records, held by ${titles} tests`);

/** @param {string} file @param {string} text */
function checkRecord(file, text) {
  const report = (/** @type {string} */ message) => problems.push(`${file}: ${message}`);
  const lines = text.trimEnd().split('\n');
  if (lines.length > MAX_LINES) report(`has ${lines.length} lines; ${MAX_LINES} are the limit`);

  const [, number, kind, status] = HEADING.exec(lines[0] ?? '') ?? [];
  if (number === undefined)
    report('starts with no heading such as "# 0001 Title (decision, accepted, 2026-11-22)"');
  else if (!file.startsWith(number)) report(`is headed ${number}`);

  const headings = lines.filter((line) => line.startsWith('## ')).map((line) => line.slice(3));
  const isHeld = headings.at(-1) === HELD_BY;
  const sections = isHeld ? headings.slice(0, -1) : headings;
  if (sections.join() !== SECTIONS.join())
    report(
      `has the sections ${headings.join(', ')}; expected were ${SECTIONS.join(', ')}, and ${HELD_BY} last`,
    );
  if (kind === 'contract' && status === 'accepted' && !isHeld)
    report(`is a contract that stands, but no section "${HELD_BY}" says which tests hold it`);
  if (status === 'not built' && isHeld) report('is not built, so no test can hold it');
  if (isHeld) checkHeldBy(lines.slice(lines.indexOf(`## ${HELD_BY}`) + 1), report);
}

/**
 * The entries: a file in backticks, and under it each title as it stands in that file.
 *
 * @param {readonly string[]} lines
 * @param {(message: string) => void} report
 */
function checkHeldBy(lines, report) {
  /** @type {string | undefined} */
  let source;
  let file = '';
  let found = 0;
  for (const line of lines.filter((one) => one.trim() !== '')) {
    const named = /^- `([^`]+)`$/.exec(line)?.[1];
    const title = /^ {2}- (.+)$/.exec(line)?.[1];
    if (named !== undefined) {
      file = named;
      const where = path.join(root, file);
      source = existsSync(where) ? readFileSync(where, 'utf8') : undefined;
      if (source === undefined) report(`names ${file}, which does not exist`);
    } else if (title !== undefined && file !== '') {
      found += 1;
      if (source !== undefined && !isTitleIn(source, title)) report(`${file} has no test "${title}"`);
    } else {
      report(`"${line}" is neither "- \`file\`" nor, under one, "  - title"`);
    }
  }
  if (found === 0) report(`names no test under "${HELD_BY}"`);
  titles += found;
}

/** Whole titles only: part of one would go on to be found when its test has become another. */
function isTitleIn(/** @type {string} */ source, /** @type {string} */ title) {
  return ["'", '"', '`'].some((quote) =>
    source.includes(`${quote}${title.replaceAll(quote, `\\${quote}`)}${quote}`),
  );
}
