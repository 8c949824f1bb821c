// `node tooling/vitest/compare-counts.mjs`: fails unless both backends ran the same tests and skipped none. Ends
// with the counts of both runs together, as a line `N passed, N failed`.
import { compareResults } from './compare-results.mjs';
import { countsLine, readResults, reportFile } from './results.mjs';

const native = readResults(reportFile('native'));
const portable = readResults(reportFile('portable'));
process.exitCode = 1;

if (portable === undefined) {
  console.error('the suite has not run on the portable backend');
} else if (native === undefined) {
  console.log('the suite has not run on the native backend, so there is nothing to compare');
  console.log(countsLine(portable));
  if (!process.env.CI && portable.failed.length === 0) process.exitCode = 0;
} else {
  const differences = compareResults(native, portable);
  for (const difference of differences) console.error(difference);
  console.log(
    `native: ${native.passed.length} tests passed; portable: ${portable.passed.length} tests passed`,
  );
  const both = {
    passed: [...native.passed, ...portable.passed],
    failed: [...native.failed, ...portable.failed],
  };
  console.log(countsLine(both));
  if (differences.length === 0 && both.failed.length === 0) process.exitCode = 0;
}
