/**
 * Helpers for tests of web applications, for any test runner: requests without a network, a manual clock, and a logger
 * that checks for expected records. For tests over a real socket, `app.listen({ port: 0, host: '127.0.0.1' })` chooses
 * a free port, and `await using` closes the server.
 *
 * @packageDocumentation
 */

export { VirtualClock } from '@landspout/ioloop/testing';
export {
  type Connector,
  type ConnectorOptions,
  type ConnectorTarget,
  connectorFor,
} from './connector.ts';
export { type LogLevel, type LogRecord, LogRecorder } from './log-recorder.ts';
export { TestClient, type TestClientOptions, type TestRequest, TestResponse } from './test-client.ts';
