/**
 * Test suites, for any test framework, that check the required behaviour of a `Transport` and of an `IOStream` over it.
 * Run them on your own transport.
 *
 * @packageDocumentation
 */
export type { CompliancePair, TestFramework, TransportCapabilities } from './capabilities.ts';
export { streamCompliance } from './stream-compliance.ts';
export { transportCompliance } from './transport-compliance.ts';
