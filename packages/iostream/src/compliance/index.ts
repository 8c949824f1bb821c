/**
 * What every `Transport` must do, as a suite for any test framework: run it on your own.
 *
 * @packageDocumentation
 */
export {
  type CompliancePair,
  type TestFramework,
  type TransportCapabilities,
  transportCompliance,
} from './transport-compliance.ts';
