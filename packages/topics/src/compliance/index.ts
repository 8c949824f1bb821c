/**
 * A test suite, for any test framework, that checks the required behaviour of a `Backplane`. Run it on your own
 * backplane.
 *
 * @packageDocumentation
 */

export { backplaneCompliance } from './backplane-compliance.ts';
export type {
  BackplaneCapabilities,
  BackplaneCluster,
  MakeCluster,
  StoreLimitsUnderTest,
  TestFramework,
} from './capabilities.ts';
