/**
 * Spans of OpenTelemetry for requests, fetches, WebSocket messages and runs.
 *
 * @packageDocumentation
 */

export {};
