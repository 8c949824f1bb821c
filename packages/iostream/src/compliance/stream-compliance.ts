import {
  type CompliancePair,
  resolveCapabilities,
  type TestFramework,
  type TransportCapabilities,
} from './capabilities.ts';
import { streamCloseReasons } from './stream-close-reasons.ts';
import { streamClosing } from './stream-closing.ts';
import { streamEndings } from './stream-endings.ts';
import { streamFaults } from './stream-faults.ts';
import { streamIntoReads } from './stream-into-reads.ts';
import { streamReadLimits } from './stream-read-limits.ts';
import { streamReads } from './stream-reads.ts';
import { streamRegexReads } from './stream-regex-reads.ts';
import { StreamSuite } from './stream-suite.ts';
import { streamWrites } from './stream-writes.ts';

/**
 * Registers, under `name`, what an `IOStream` does over any transport: each case names the IDs of the checklist that
 * it holds (`[STR-03] …`). It goes with `transportCompliance`, which holds the transport by itself.
 *
 * @param framework - such as vitest's `{ describe, it }`, or those of `node:test`.
 * @param makePair - makes a fresh pair for each case: `a` writes, and where bytes go both ways `b` answers.
 * @param capabilities - in what the transport differs from TCP. Where it says no, the case holds what happens instead.
 *
 * @example
 * streamCompliance('my tunnel', { describe, it }, async () => {
 *   const [a, b] = await openTunnel();
 *   return { a, b, close: async () => {} };
 * }, { reset: 'as-end' });
 */
export function streamCompliance(
  name: string,
  framework: TestFramework,
  makePair: () => Promise<CompliancePair>,
  capabilities: TransportCapabilities = {},
): void {
  framework.describe(name, () => {
    const suite = new StreamSuite(framework, makePair, resolveCapabilities(capabilities));
    streamReads(suite);
    streamRegexReads(suite);
    streamIntoReads(suite);
    streamReadLimits(suite);
    streamWrites(suite);
    streamEndings(suite);
    streamClosing(suite);
    streamFaults(suite);
    streamCloseReasons(suite);
  });
}
