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
 * Registers, under `name`, cases that check an `IOStream` over any transport. The name of a case contains the IDs of
 * the checklist items that it covers (`[STR-03] …`). Use it together with `transportCompliance`, which checks the
 * transport alone.
 *
 * @param framework - for example vitest's `{ describe, it }`, or that of `node:test`.
 * @param makePair - creates a new pair for each case: `a` writes, and if bytes go both ways, `b` writes back.
 * @param capabilities - how the transport differs from TCP. If a capability is missing, the cases check the behaviour
 *   that replaces it.
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
