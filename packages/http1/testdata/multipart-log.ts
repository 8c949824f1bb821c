import { Buffer } from 'node:buffer';
import { DATA, END, HEAD, NEED_DATA } from '../src/protocol/decoding/events.ts';
import { MultipartProtocolError } from '../src/protocol/multipart/errors.ts';
import type { MultipartLimits } from '../src/protocol/multipart/limits.ts';
import { MultipartDecoder, PART_END } from '../src/protocol/multipart/multipart-decoder.ts';
import { logData } from './event-log.ts';

/**
 * Feeds the segments of one multipart body to a decoder and writes down what comes out; neighbouring pieces of data are
 * joined. Each segment is overwritten when its loan is over, as a shared read buffer is.
 */
export function multipartLog(
  segments: readonly Buffer[],
  boundary: string,
  limits?: Partial<MultipartLimits>,
): string[] {
  const decoder = new MultipartDecoder(boundary, limits);
  const lines: string[] = [];
  try {
    for (const segment of segments) {
      const lent = Buffer.concat([Buffer.from('##'), segment, Buffer.from('##')]);
      decoder.receive(lent, 2, 2 + segment.length);
      pull(decoder, lines);
      lent.fill(0x23);
    }
    decoder.endOfInput();
    pull(decoder, lines);
  } catch (error) {
    if (!(error instanceof MultipartProtocolError)) throw error;
    lines.push(`error ${error.code} ${error.status}`);
  }
  return lines;
}

function pull(decoder: MultipartDecoder, lines: string[]): void {
  for (let event = decoder.next(); event !== NEED_DATA; event = decoder.next()) {
    if (event === HEAD) lines.push(headLine(decoder));
    if (event === DATA) logData(lines, decoder.data.toString('latin1', decoder.dataStart, decoder.dataEnd));
    if (event === PART_END) lines.push('part-end');
    if (event === END) {
      lines.push('end');
      return;
    }
  }
}

function headLine(decoder: MultipartDecoder): string {
  const { name, filename, contentType } = decoder.part;
  const file = filename === undefined ? '' : ` filename=${JSON.stringify(filename)}`;
  const type = contentType === undefined ? '' : ` type=${JSON.stringify(contentType)}`;
  return `part ${JSON.stringify(name)}${file}${type}`;
}
