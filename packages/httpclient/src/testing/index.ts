/**
 * A mock transport for tests of programs that use AsyncHTTPClient, for any test runner: responses by rules, failures on
 * demand, record and replay. Nothing is sent over a network.
 *
 * To send requests straight into an Application, use `connectorFor` of `@landspout/web/testing`.
 *
 * @packageDocumentation
 */

// The transport.

export type { MockOrigin } from './connect-rule.ts';
export {
  type CutOptions,
  type FailurePoint,
  fail,
  type MalformedOptions,
  MockFailure,
} from './mock-failure.ts';
export { MockRequest } from './mock-request.ts';
export type { MockChunk, MockResponse } from './mock-response.ts';
export type { MockReply, MockResponder, MockRuleOptions, MockUrl } from './mock-rules.ts';
export {
  type MockConnectionCounts,
  MockTransport,
  type MockTransportOptions,
  type RecordingOptions,
} from './mock-transport.ts';

// Recordings.

export type {
  RecordedBody,
  RecordedExchange,
  RecordedHeaders,
  Recording,
} from './recording.ts';

// Time, and errors.

export { VirtualClock } from '@landspout/ioloop/testing';
export {
  MOCK_ERRORS,
  type MockErrorCode,
  MockTransportError,
  MockUsageError,
} from './errors.ts';
