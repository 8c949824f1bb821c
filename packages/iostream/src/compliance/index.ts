/**
 * What every `Transport` must do, and an `IOStream` over it, as suites for any test framework: run them on your own.
 *
 * @packageDocumentation
 */
export type { CompliancePair, TestFramework, TransportCapabilities } from './capabilities.ts';
export { streamCompliance } from './stream-compliance.ts';
export { transportCompliance } from './transport-compliance.ts';
