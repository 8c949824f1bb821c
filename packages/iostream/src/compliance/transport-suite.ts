import assert from 'node:assert/strict';
import type { CompliancePair, TestFramework, TransportCapabilities } from './capabilities.ts';
import { RecordedEnd } from './recorded-end.ts';

/** More than the kernel buffers of any system take for one connection. */
export const MORE_THAN_KERNELS_TAKE = 48 * 1024 * 1024;

type Check = (behaviour: string, test: (a: RecordedEnd, b: RecordedEnd) => Promise<void>) => void;

/** Where the parts of the suite put their cases. */
export interface TransportSuite {
  readonly capabilities: Required<TransportCapabilities>;
  /** A case on two recorded ends, at whose end no rule may have been broken by either. */
  readonly check: Check;
  /** A case in which bytes go both ways. */
  readonly checkBothWays: Check;
  /** A case in which one direction has ended and the other goes on. */
  readonly checkHalfClose: Check;
}

export function makeTransportSuite(
  { it }: TestFramework,
  makePair: () => Promise<CompliancePair>,
  capabilities: Required<TransportCapabilities>,
): TransportSuite {
  const check: Check = (behaviour, test) =>
    it(behaviour, async () => {
      const pair = await makePair();
      const a = new RecordedEnd(pair.a);
      const b = new RecordedEnd(pair.b);
      try {
        await test(a, b);
        assert.deepEqual([...a.violations, ...b.violations], []);
      } finally {
        pair.a.close();
        pair.b.close();
        await pair.close();
      }
    });
  const leftOut: Check = () => {};
  const checkBothWays = capabilities.oneWay ? leftOut : check;
  const checkHalfClose = capabilities.halfClose ? checkBothWays : leftOut;
  return { capabilities, check, checkBothWays, checkHalfClose };
}
