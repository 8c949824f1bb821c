import { excerpt } from '@landspout/ioloop/errors';
import { INSPECT, inspectedText, inspection } from '@landspout/ioloop/inspection';
import { isToken } from '../fields/header-names.ts';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE } from '../grammar/framing-fields.ts';
import { explicitLength } from './body-encoder.ts';

/** Visible ASCII except `#`: CR or LF would start another line, SP would end the target, `#` would start a fragment. */
const TARGET_TEXT = /^[\x21\x22\x24-\x7e]+$/;

/** Methods for which `Content-Length: 0` is sent, because servers expect a body (RFC 9110 §8.6). */
const EXPECTS_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

const LISTS_CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;

/**
 * The checked and encoded header fields of a request, without those that frame its body. They do not depend on the
 * method, the target or the body, so a client that sends many requests to one server encodes them once.
 */
export class RequestFields {
  /** The lines, each with its CRLF. */
  readonly text: string;
  /** The Content-Length among the fields; -1 if there is none. */
  readonly contentLength: number;
  readonly offersUpgrade: boolean;
  /** Whether Connection lists `close`. */
  readonly closes: boolean;

  /**
   * @param headers - must contain one Host and no Transfer-Encoding; Connection is sent unchanged.
   * @throws Http1UsageError `ERR_HTTP1_USAGE`, or `ERR_HTTP1_LENGTH_MISMATCH` if Content-Length is not a number.
   */
  constructor(headers: HTTPHeaders) {
    const { framing } = headers;
    if ((framing & TRANSFER_ENCODING) !== 0)
      throw usage('headers must not contain Transfer-Encoding, which the encoder sets');
    if ((framing & HOST) === 0 || headers.getList('host').length !== 1)
      throw usage('headers must contain exactly one Host');
    this.text = headers.serialize();
    this.contentLength = explicitLength(headers);
    this.offersUpgrade = (framing & UPGRADE) !== 0;
    this.closes = (framing & CONNECTION) !== 0 && LISTS_CLOSE.test(headers.get('connection') ?? '');
  }

  [INSPECT](): object {
    return inspection(this, ['contentLength', 'offersUpgrade', 'closes'], () => ({ text: undefined }));
  }
}

/** A checked and encoded request head. Immutable, so it may be sent any number of times. */
export class EncodedRequestHead {
  readonly method: string;
  readonly target: string;
  readonly fields: RequestFields;
  /** The length of the body in bytes; -1 if it is chunked. */
  readonly bodyLength: number;
  /** The bytes to send, as latin1. */
  readonly text: string;

  /**
   * @param method - a token, such as `GET`.
   * @param target - visible ASCII without a fragment; other characters must be percent-encoded.
   * @param bodyBytes - length of the body; 0 for no body (CONNECT must have none: RFC 9110 §9.3.6); -1 if the length is
   *   unknown: the body is then chunked, unless the fields have a Content-Length.
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if an argument is invalid, or `ERR_HTTP1_LENGTH_MISMATCH` if
   *   Content-Length differs from `bodyBytes`.
   */
  constructor(method: string, target: string, fields: RequestFields, bodyBytes: number) {
    if (method !== 'GET' && !isToken(method))
      throw usage(`method must be a token, got ${excerpt(String(method))}`);
    if (!TARGET_TEXT.test(target))
      throw usage(`target must be visible ASCII without #, got ${excerpt(String(target))}`);
    if (!Number.isSafeInteger(bodyBytes) || bodyBytes < -1)
      throw usage(`bodyBytes must be -1 or more, got ${bodyBytes}`);
    const explicit = fields.contentLength;
    if (explicit >= 0 && bodyBytes >= 0 && explicit !== bodyBytes) {
      const detail = `Content-Length is ${explicit}, but the body has ${bodyBytes} bytes`;
      throw new Http1UsageError('ERR_HTTP1_LENGTH_MISMATCH', detail);
    }
    const length = explicit >= 0 ? explicit : bodyBytes;
    if (method === 'CONNECT' && length !== 0) throw usage('a CONNECT request must not have a body');
    let framing = '';
    if (length === -1) framing = 'Transfer-Encoding: chunked\r\n';
    else if (explicit < 0 && (length > 0 || EXPECTS_BODY.has(method)))
      framing = `Content-Length: ${length}\r\n`;
    this.method = method;
    this.target = target;
    this.fields = fields;
    this.bodyLength = length;
    this.text = `${method} ${target} HTTP/1.1\r\n${fields.text}${framing}\r\n`;
  }

  [INSPECT](): object {
    return inspection(this, ['method', 'bodyLength'], () => ({
      target: inspectedText(this.target),
      fields: undefined,
      text: undefined,
    }));
  }
}

function usage(detail: string): Http1UsageError {
  return new Http1UsageError('ERR_HTTP1_USAGE', detail);
}
