import { encodeEvent } from '@landspout/http1/protocol';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { disown, webChecks } from '../errors.ts';

/** The parts of a {@link ServerEvent}. At least one must be set. */
export interface ServerEventParts {
  /** The type of the event; without CR, LF and NUL. Default: none, which clients report as `message`. */
  readonly event?: string;
  /** Text, or a value that is sent as JSON. Default: none; clients then report no event. */
  readonly data?: unknown;
  /** What the client sends as Last-Event-ID when it connects again; without CR, LF and NUL. Default: none. */
  readonly id?: string;
  /** The time after which the client connects again, in whole milliseconds. Default: none. */
  readonly retry?: number;
  /** Text that clients ignore. Default: none. */
  readonly comment?: string;
}

/**
 * One event of an event stream, for sources whose events need more than `data`.
 *
 * @example
 * async function* prices(): AsyncGenerator<ServerEvent> {
 *   for await (const { id, price } of feed()) yield new ServerEvent({ event: 'price', data: { price }, id });
 * }
 */
export class ServerEvent {
  /** The event as it is sent. */
  readonly text: string;

  /**
   * @throws WebUsageError `ERR_WEB_USAGE` if `data` cannot be written as JSON; Http1UsageError `ERR_HTTP1_USAGE` if
   *   another part is unknown or invalid, or no part is set.
   */
  constructor(parts: ServerEventParts) {
    const { data } = parts;
    this.text = encodeEvent(data === undefined ? (parts as object) : { ...parts, data: dataText(data) });
  }

  [INSPECT](): object {
    return inspection(this, ['text']);
  }
}

/** Returns text as it is, and any other value as JSON. @throws WebUsageError `ERR_WEB_USAGE`. */
export function dataText(data: unknown): string {
  if (typeof data === 'string') return data;
  const json: string | undefined = JSON.stringify(data);
  if (json !== undefined) return json;
  disown(data);
  throw webChecks.wrong(
    'eventStream',
    'an event that is text, bytes, a ServerEvent or a value for JSON',
    data,
  );
}
