import type { HTTPServerRequest } from './http-server-request.ts';

/** Most characters of a target in a log line. */
const MAX_CHARS = 300;

/** Names a request for a log line, such as `GET /path (127.0.0.1)`. The peer cannot forge a second line with it. */
export function requestSummary(request: HTTPServerRequest): string {
  return `${printable(request.method)} ${printable(request.target)} (${request.remoteIp})`;
}

/** Visible ASCII only, the rest escaped, and clipped. */
export function printable(text: string): string {
  const clipped = text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text;
  return clipped.replace(/[^\u0020-\u007e…]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
