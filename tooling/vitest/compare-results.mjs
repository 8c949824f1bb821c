/**
 * Says how two runs of the suite differ. Both backends must run the same tests, and skip none.
 *
 * @param {import('./results.mjs').SuiteResults} native
 * @param {import('./results.mjs').SuiteResults} portable
 * @returns {string[]} one sentence for each difference; empty when there is none.
 */
export function compareResults(native, portable) {
  return [
    ...native.skipped.map((name) => `skipped on native: ${name}`),
    ...portable.skipped.map((name) => `skipped on portable: ${name}`),
    ...namesMissing(native, portable).map((name) => `ran on native only: ${name}`),
    ...namesMissing(portable, native).map((name) => `ran on portable only: ${name}`),
  ];
}

/**
 * The tests of `one` that `other` did not run. Names may repeat, so each counts as often as it ran.
 *
 * @param {import('./results.mjs').SuiteResults} one
 * @param {import('./results.mjs').SuiteResults} other
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

/** @param {import('./results.mjs').SuiteResults} results */
const namesOf = (results) => [...results.passed, ...results.failed];
