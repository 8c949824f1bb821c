/**
 * Test suites for any test framework that check what every `Transport` must do, and an `IOStream` over it. Run them on
 * your own transport.
 *
 * @packageDocumentation
 */
export type { CompliancePair, TestFramework, TransportCapabilities } from './capabilities.ts';
export { streamCompliance } from './stream-compliance.ts';
export { transportCompliance } from './transport-compliance.ts';
