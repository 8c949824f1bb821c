import { ArgumentChecks, MAX_DELAY_MS, type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { Http1UsageError } from '../grammar/errors.ts';

/** One block of an event stream: the lines up to an empty line. At least one member must be set. */
export interface EventToEncode {
  /** The type of the event; without CR, LF and NUL. Default: none, which clients report as `message`. */
  readonly event?: string | undefined;
  /**
   * The text of the event. CR, LF and CRLF all become line breaks, which clients report as LF. Default: none; clients
   * then report no event, but take note of the id and of the reconnection time.
   */
  readonly data?: string | undefined;
  /**
   * The id with which a client resumes after this event; without CR, LF and NUL. '' clears the id that the client has.
   * Default: none, which keeps it.
   */
  readonly id?: string | undefined;
  /** The time after which a client connects again, a whole number of milliseconds. Default: none. */
  readonly retry?: number | undefined;
  /** Text that clients ignore. Default: none. */
  readonly comment?: string | undefined;
}

const EVENT_MEMBERS: OptionNames<EventToEncode> = {
  event: true,
  data: true,
  id: true,
  retry: true,
  comment: true,
};

const eventChecks = new ArgumentChecks((problem) => new Http1UsageError('ERR_HTTP1_USAGE', problem));

const LINE_END = /\r\n|\r|\n/;
/** CR and LF would end the line, and clients ignore an id with NUL. */
const UNFRAMED = /[\0\r\n]/;

/**
 * Encodes one event of a `text/event-stream` with the empty line after it (WHATWG HTML §9.2.5). The result is to be sent
 * as UTF-8, and in one piece or in several: clients do not see the difference.
 *
 * @throws Http1UsageError `ERR_HTTP1_USAGE` if no member or an unknown one is set, a text is not a string, `event` or
 *   `id` contains CR, LF or NUL, or `retry` is not a whole number from 0 to 2,147,483,647.
 *
 * @example
 * encodeEvent({ id: '7', event: 'price', data: '12.50' }); // 'event: price\nid: 7\ndata: 12.50\n\n'
 */
export function encodeEvent(event: EventToEncode): string {
  eventChecks.options('encodeEvent', event, EVENT_MEMBERS);
  const { comment, retry, event: type, id, data } = event;
  let lines = '';
  if (comment !== undefined) lines += linesOf('', textOf('comment', comment));
  if (type !== undefined) lines += `event: ${framed('event', type)}\n`;
  if (id !== undefined) lines += `id: ${framed('id', id)}\n`;
  if (retry !== undefined)
    lines += `retry: ${eventChecks.wholeNumber('encodeEvent', 'retry', retry, 0, MAX_DELAY_MS)}\n`;
  if (data !== undefined) lines += linesOf('data', textOf('data', data));
  if (lines !== '') return `${lines}\n`;
  throw eventChecks.wrong('encodeEvent', `an event with ${Object.keys(EVENT_MEMBERS).join(', ')}`, event);
}

function linesOf(name: string, text: string): string {
  // Most texts, such as JSON, have one line, and are not split.
  if (!text.includes('\n') && !text.includes('\r')) return `${name}: ${text}\n`;
  let lines = '';
  for (const line of text.split(LINE_END)) lines += `${name}: ${line}\n`;
  return lines;
}

function framed(name: string, value: unknown): string {
  const text = textOf(name, value);
  if (!UNFRAMED.test(text)) return text;
  const problem = `${name} must not contain CR, LF or NUL, got ${shownValue(text)}`;
  throw new Http1UsageError('ERR_HTTP1_USAGE', `encodeEvent: ${problem}`);
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw eventChecks.wrong('encodeEvent', `${name}: a string`, value);
}
