// How a handler names its request in a log line.

export { requestSummary } from '@landspout/httpserver';
export { printable } from '@landspout/ioloop/errors';
