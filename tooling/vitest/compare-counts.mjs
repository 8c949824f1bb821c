// `node tooling/vitest/compare-counts.mjs`: fails unless all runs of the suite ran the same tests, that over node:tls
// those that use TLS, and skipped none. Ends with the counts of all runs together, as a line `N passed, N failed`.
import { compareResults, resultsOf } from './compare-results.mjs';
import { countsLine, readResults, reportFile } from './results.mjs';
import { tlsTests } from './tls-tests.mjs';

const native = readResults(reportFile('native'));
const nodeTls = readResults(reportFile('node-tls'));
const portable = readResults(reportFile('portable'));
process.exitCode = 1;

if (portable === undefined) {
  console.error('the suite has not run on the portable backend');
} else if (native === undefined) {
  console.log('the suite has not run on the native backend, so there is nothing to compare');
  console.log(countsLine(portable));
  if (!process.env.CI && portable.failed.length === 0) process.exitCode = 0;
} else if (nodeTls === undefined) {
  console.error('the tests that use TLS have not run over node:tls on the native backend');
} else {
  const nativeTls = { name: 'native', results: resultsOf(native, tlsTests()) };
  const differences = [
    ...compareResults({ name: 'native', results: native }, { name: 'portable', results: portable }),
    ...compareResults(nativeTls, { name: 'node-tls', results: nodeTls }),
  ];
  for (const difference of new Set(differences)) console.error(difference);
  const counts = [
    `native: ${native.passed.length} tests passed`,
    `over node:tls: ${nodeTls.passed.length}`,
    `portable: ${portable.passed.length}`,
  ];
  console.log(counts.join('; '));
  const all = [native, nodeTls, portable];
  const sum = {
    passed: all.flatMap(({ passed }) => passed),
    failed: all.flatMap(({ failed }) => failed),
  };
  console.log(countsLine(sum));
  if (differences.length === 0 && sum.failed.length === 0) process.exitCode = 0;
}
