import { Buffer } from 'node:buffer';
import { DATA, type DecoderEvent, END, HEAD, INTERIM, NEED_DATA } from '../src/protocol/decoding/events.ts';
import { RequestDecoder } from '../src/protocol/decoding/request-decoder.ts';
import { ResponseDecoder } from '../src/protocol/decoding/response-decoder.ts';
import type { HTTPHeaders } from '../src/protocol/fields/http-headers.ts';
import { Http1ProtocolError } from '../src/protocol/grammar/errors.ts';
import type { Http1Limits } from '../src/protocol/grammar/limits.ts';

/** What both decoders can do. */
interface Decoder {
  receive(bytes: Buffer, start: number, end: number): void;
  next(): DecoderEvent;
  readonly head: { readonly headers: HTTPHeaders };
  readonly data: Buffer;
  readonly dataStart: number;
  readonly dataEnd: number;
  readonly trailers: HTTPHeaders | undefined;
  readonly midMessage: boolean;
}

/** Feeds the segments to a decoder and writes down what comes out; neighbouring pieces of data are joined. */
export function requestLog(
  segments: readonly Buffer[],
  limits?: Partial<Http1Limits>,
  showsFields = false,
): string[] {
  const decoder = new RequestDecoder(limits);
  const log = new EventLog(showsFields);
  const onHead = (): string => {
    const { method, target, version, host, bodyLength, keepAlive, expectContinue, upgrade } = decoder.head;
    const extras = `${expectContinue ? ' expect' : ''}${upgrade === '' ? '' : ` upgrade=${upgrade}`}`;
    return `head ${method} ${target} ${version} host=${host} body=${bodyLength} keepAlive=${keepAlive}${extras}`;
  };
  for (const segment of segments) {
    if (!log.feed(decoder, segment, onHead)) return log.lines;
  }
  if (decoder.midMessage) log.lines.push('need-data midMessage');
  else if (log.lines.length === 0) log.lines.push('need-data');
  return log.lines;
}

export function responseLog(
  segments: readonly Buffer[],
  methods: readonly string[],
  eof: boolean,
  limits?: Partial<Http1Limits>,
  showsFields = false,
): string[] {
  const decoder = new ResponseDecoder(limits);
  const log = new EventLog(showsFields);
  let expected = 0;
  const expectNext = (): void => {
    const method = methods[expected];
    if (method !== undefined) decoder.expect(method);
    expected += 1;
  };
  const onHead = (event: DecoderEvent): string => {
    const { version, status, reason, bodyLength, keepAlive, upgrade } = decoder.head;
    const word = event === INTERIM ? 'interim' : 'head';
    const extras = upgrade === '' ? '' : ` upgrade=${upgrade}`;
    return `${word} ${version} ${status} ${reason} body=${bodyLength} keepAlive=${keepAlive}${extras}`;
  };
  expectNext();
  for (const segment of segments) {
    if (!log.feed(decoder, segment, onHead, expectNext)) return log.lines;
  }
  if (eof) {
    decoder.endOfInput();
    if (!log.feed(decoder, Buffer.alloc(0), onHead)) return log.lines;
  }
  if (decoder.midMessage) log.lines.push('need-data midMessage');
  else if (log.lines.length === 0) log.lines.push('need-data');
  const rest = decoder.takeRest();
  if (rest.length > 0) log.lines.push(`rest ${rest.length}`);
  return log.lines;
}

class EventLog {
  readonly lines: string[] = [];
  readonly #showsFields: boolean;

  constructor(showsFields: boolean) {
    this.#showsFields = showsFields;
  }

  /**
   * Lends the segment from a larger buffer, and overwrites it when the loan is over, as a shared read buffer is.
   *
   * @returns false after an error.
   */
  feed(
    decoder: Decoder,
    segment: Buffer,
    onHead: (event: DecoderEvent) => string,
    onEnd?: () => void,
  ): boolean {
    const lent = Buffer.concat([Buffer.from('##'), segment, Buffer.from('##')]);
    try {
      decoder.receive(lent, 2, 2 + segment.length);
      for (let event = decoder.next(); event !== NEED_DATA; event = decoder.next()) {
        if (event === HEAD || event === INTERIM) {
          this.lines.push(trimmedEnd(onHead(event)));
          if (this.#showsFields) this.#fields(decoder.head.headers);
        }
        if (event === DATA)
          logData(this.lines, decoder.data.toString('latin1', decoder.dataStart, decoder.dataEnd));
        if (event === END) {
          const trailers = decoder.trailers?.getAll().map(([name, value]) => `${name}=${value}`);
          this.lines.push(trailers === undefined ? 'end' : `end ${trailers.join('|')}`);
          onEnd?.();
        }
      }
      return true;
    } catch (error) {
      if (!(error instanceof Http1ProtocolError)) throw error;
      this.lines.push(`error ${error.code} ${error.status}`);
      return false;
    } finally {
      lent.fill(0x23);
    }
  }

  #fields(headers: HTTPHeaders): void {
    for (const [name, value] of headers.getAll()) this.lines.push(trimmedEnd(`field ${name}: ${value}`));
  }
}

/** Writes down latin1 text of a body, with that of the line before if it is data too. */
export function logData(lines: string[], bytes: string): void {
  const text = bytes.replaceAll(/[^\x20-\x5b\x5d-\x7e\x80-\xff]/g, escaped);
  const last = lines.length - 1;
  if (lines[last]?.startsWith('data ')) lines[last] += text;
  else lines.push(`data ${text}`);
}

/** Line ends and controls as the wire blocks of the vectors write them. */
function escaped(character: string): string {
  const letter = { '\r': 'r', '\n': 'n', '\t': 't', '\\': '\\' }[character];
  return `\\${letter ?? `x${character.charCodeAt(0).toString(16).padStart(2, '0')}`}`;
}

/** Blanks at the end of a line are not written into the vectors; NBSP is none. */
function trimmedEnd(text: string): string {
  return text.replace(/[ \t]+$/, '');
}
