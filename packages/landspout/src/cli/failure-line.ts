import { HTTPClientError, type HTTPStreamedResponse } from '@landspout/httpclient';
import { printable } from '@landspout/ioloop/errors';

const MAX_CHARS = 600;
const USER_INFORMATION = /^([^/?#\\]*[/\\]{2})[^/?#\\]*@/;

/**
 * Describes an error in one line: what failed, with the method and the URL if a request was sent, and in parentheses the
 * code and the phase. URLs are shown without credentials.
 */
export function failureLine(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error), MAX_CHARS);
  const { code } = error as NodeJS.ErrnoException;
  const phase = error instanceof HTTPClientError ? error.phase : undefined;
  // The client names its method where it refuses a request; here that is also the name of the command.
  const [firstLine = ''] = error.message.replace(/^fetch: /, '').split('\n');
  const details = [
    ...(typeof code === 'string' && !firstLine.includes(`${code}:`) ? [code] : []),
    ...(phase === undefined ? [] : [`phase: ${phase}`]),
  ];
  return withDetails(printable(firstLine, MAX_CHARS), details);
}

/** Describes a response whose status is not 2xx, like the error that the client has for it. */
export function statusLine(method: string, response: HTTPStreamedResponse): string {
  const { status, reason, effectiveUrl, headers } = response;
  const location = status < 400 ? headers.get('Location')?.replace(USER_INFORMATION, '$1***@') : undefined;
  const where = location === undefined ? '' : ` (to ${printable(location)})`;
  const message = `${method} ${effectiveUrl}: ${status} ${printable(reason)}`.trimEnd();
  return withDetails(message + where, ['ERR_HTTPCLIENT_STATUS']);
}

function withDetails(message: string, details: readonly string[]): string {
  return details.length === 0 ? message : `${message} (${details.join(', ')})`;
}
