import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { IOLoop } from '../../src/index.ts';
import { nativeIt } from '../fixtures/native-case.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/many-program.mjs', import.meta.url));
const MOST = 20_000;
/** What the program and Node itself have open besides, at most. */
const BESIDES = 100;

interface Report {
  readonly limit: number;
  readonly opened: number;
  readonly refusals: readonly string[];
  readonly afterRefusals: number;
  readonly expectedFirst: readonly number[];
  readonly heardFirst: readonly number[];
  readonly expectedSecond: readonly number[];
  readonly heardSecond: readonly number[];
  readonly afterClose: number;
}

describe('a loop with as many descriptors as the machine lets it have', () => {
  nativeIt(
    `calls the right handlers of up to ${MOST.toLocaleString('en')}, refuses more with a code, and gives all back`,
    async () => {
      // The soft limit goes up to the hard one, or down to what the test wants, so that it is met in any case.
      const script = `most=$(ulimit -Hn); [ "$most" = unlimited ] || [ "$most" -gt ${MOST} ] && most=${MOST}
        ulimit -n "$most" && exec "$0" "$1" ${MOST}`;
      const { stdout } = await promisify(execFile)('sh', ['-c', script, process.execPath, PROGRAM], {
        maxBuffer: 1 << 24,
      });
      const report = JSON.parse(stdout) as Report;
      console.info(`${report.opened} descriptors with a handler each, of ${report.limit} that may be open`);
      expect(report.limit).toBeLessThanOrEqual(MOST);
      expect(report.opened).toBeGreaterThan(report.limit - BESIDES);
      expect(report.refusals).toEqual(['SystemError EMFILE']);
      expect(report.afterRefusals).toBe(0);
      expect(report.expectedFirst.length).toBeGreaterThan(1);
      expect(report.heardFirst).toEqual(report.expectedFirst);
      expect(report.heardSecond).toEqual(report.expectedSecond);
      expect(report.afterClose).toBe(0);
    },
    () => new IOLoop().addHandler(0, IOLoop.READ, () => {}),
    120_000,
  );
});
