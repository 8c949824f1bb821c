import { flatString } from '../grammar/bytes.ts';

/**
 * The reason phrases of the registered status codes, from RFC 9110 §15 and the RFCs that registered the others. Also
 * contains 499, which is not registered: nginx introduced it for a client that disconnected before the response, and
 * log analysers know it.
 */
export const STATUS_REASONS: Readonly<Record<number, string>> = Object.freeze({
  100: 'Continue',
  101: 'Switching Protocols',
  102: 'Processing',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  208: 'Already Reported',
  226: 'IM Used',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  511: 'Network Authentication Required',
});

/** The phrase for an unregistered status. */
const UNKNOWN_REASON = 'Unknown';

/**
 * The characters of a custom phrase: letters, digits, SP, and punctuation without meaning in HTML, because error pages
 * contain the phrase. Control characters could split the response.
 */
const PLAIN_REASON = /^[\x20!#$%'()*+,\-./:;=?@[\]^_`{|}~0-9A-Za-z\xa0-\xff]{1,200}$/;

/** The status lines of the registered statuses, by status. */
const LINES: readonly (string | undefined)[] = Array.from({ length: 600 }, (_, status) => {
  const reason = STATUS_REASONS[status];
  return reason === undefined ? undefined : flatString(`HTTP/1.1 ${status} ${reason}\r\n`);
});

/** Returns the phrase to send: `reason` if it is safe, else the registered phrase of the status. */
export function safeReason(status: number, reason: string): string {
  return PLAIN_REASON.test(reason) ? reason : (STATUS_REASONS[status] ?? UNKNOWN_REASON);
}

/**
 * Returns the status line with its CRLF. If the status is registered and `reason` is '' or its registered phrase, this
 * is only a lookup.
 */
export function statusLine(status: number, reason: string): string {
  if (reason === '' || reason === STATUS_REASONS[status]) {
    const line = LINES[status];
    if (line !== undefined) return line;
  }
  return `HTTP/1.1 ${status} ${safeReason(status, reason)}\r\n`;
}
