import { printable } from '@landspout/ioloop/errors';
import type { HTTPServerRequest } from './http-server-request.ts';

export { printable };

/** Names a request for a log line, such as `GET /path (127.0.0.1)`. The peer cannot forge a second line with it. */
export function requestSummary(request: HTTPServerRequest): string {
  return `${printable(request.method)} ${printable(request.target)} (${request.remoteIp})`;
}
