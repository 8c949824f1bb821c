/**
 * @typedef {import('./results.mjs').SuiteResults} SuiteResults
 *
 * @typedef {object} NamedResults
 * @property {string} name - of the run.
 * @property {SuiteResults} results
 */

/**
 * Says how two runs of the suite differ. Both must run the same tests, and skip none.
 *
 * @param {NamedResults} one
 * @param {NamedResults} other
 * @returns {string[]} one sentence for each difference; empty when there is none.
 */
export function compareResults(one, other) {
  return [
    ...skippedIn(one),
    ...skippedIn(other),
    ...namesMissing(one.results, other.results).map((test) => `ran on ${one.name} only: ${test}`),
    ...namesMissing(other.results, one.results).map((test) => `ran on ${other.name} only: ${test}`),
  ];
}

/** @param {NamedResults} run */
const skippedIn = ({ name, results }) => results.skipped.map((test) => `skipped on ${name}: ${test}`);

/**
 * The part of a run that a shorter run repeats.
 *
 * @param {SuiteResults} results
 * @param {readonly string[]} files - paths from the root of the repository.
 * @returns {SuiteResults}
 */
export function resultsOf(results, files) {
  const wanted = new Set(files.map((file) => file.replaceAll('\\', '/')));
  const isWanted = (/** @type {string} */ test) => wanted.has(test.split(' > ')[0] ?? '');
  return {
    passed: results.passed.filter(isWanted),
    failed: results.failed.filter(isWanted),
    skipped: results.skipped.filter(isWanted),
  };
}

/**
 * The tests of `one` that `other` did not run. Names may repeat, so each counts as often as it ran.
 *
 * @param {SuiteResults} one
 * @param {SuiteResults} other
 */
function namesMissing(one, other) {
  /** @type {Map<string, number>} */
  const left = new Map();
  for (const name of namesOf(other)) left.set(name, (left.get(name) ?? 0) + 1);
  return namesOf(one).filter((name) => {
    const count = left.get(name) ?? 0;
    left.set(name, count - 1);
    return count <= 0;
  });
}

/** @param {SuiteResults} results */
const namesOf = (results) => [...results.passed, ...results.failed];
