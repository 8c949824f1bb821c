// What a handler needs to name its request in a log line.

export { requestSummary } from '@landspout/httpserver';
export { printable } from '@landspout/ioloop/errors';
