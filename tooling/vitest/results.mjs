import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The runs of the suite, each with what it sets for the code under test. On the native backend TLS is native, and one
 * more run has the tests that use TLS over node:tls.
 */
export const RUNS = /** @type {const} */ ({
  native: { LANDSPOUT_BACKEND: 'native', LANDSPOUT_TLS: '' },
  'node-tls': { LANDSPOUT_BACKEND: 'native', LANDSPOUT_TLS: 'node' },
  portable: { LANDSPOUT_BACKEND: 'portable', LANDSPOUT_TLS: '' },
});

/** @typedef {keyof typeof RUNS} Run */

/**
 * What one run of the suite came to.
 *
 * @typedef {object} SuiteResults
 * @property {string[]} passed - the full name of each test: its file, then its titles.
 * @property {string[]} failed - tests that failed, and files that did not load.
 * @property {string[]} skipped - skipped and todo tests: there should be none.
 */

/** Where a run leaves its report. The folder is not in git. @param {Run} run */
export const reportFile = (run) => fileURLToPath(new URL(`../../.test-results/${run}.json`, import.meta.url));

/**
 * Reads the report of one run.
 *
 * @param {string} file - as vitest's JSON reporter writes it.
 * @param {string} [root] - names are told from here.
 * @returns {SuiteResults | undefined} `undefined` when there is no report, as when that run did not take place.
 */
export function readResults(file, root = ROOT) {
  const report = parseReport(file);
  if (report === undefined) return undefined;
  /** @type {SuiteResults} */
  const results = { passed: [], failed: [], skipped: [] };
  for (const { name: path, status, assertionResults } of report.testResults) {
    const name = path.replaceAll('\\', '/').replace(root.replaceAll('\\', '/'), '').replace(/^\//, '');
    // A file that throws while it loads has no tests to count, and must not look like a file without failures.
    if (assertionResults.length === 0 && status === 'failed') results.failed.push(name);
    for (const test of assertionResults) {
      const kind = test.status === 'passed' || test.status === 'failed' ? test.status : 'skipped';
      results[kind].push([name, ...test.ancestorTitles, test.title].join(' > '));
    }
  }
  return results;
}

/** The line that people and scripts look for. @param {Pick<SuiteResults, 'passed' | 'failed'>} results */
export const countsLine = ({ passed, failed }) => `${passed.length} passed, ${failed.length} failed`;

/**
 * @typedef {object} Report
 * @property {Array<{ name: string, status: string, assertionResults: Array<{
 *   status: string, title: string, ancestorTitles: string[] }> }>} testResults
 *
 * @param {string} file
 * @returns {Report | undefined}
 */
function parseReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}
