import { isUtf8 } from 'node:buffer';
import type { HTTPHeaders } from '@landspout/http1';
import {
  DATA,
  END,
  HEAD,
  isMultipartForm,
  MultipartDecoder,
  type MultipartLimits,
  MultipartProtocolError,
  multipartBoundary,
  PART_END,
} from '@landspout/http1/protocol';
import { UploadedFile } from './files.ts';
import { type Arguments, refusalOf } from './url-encoding.ts';

/** A form that was received as a whole. */
export interface MultipartForm {
  /** The plain fields: each name with all its values, in order. */
  readonly fields: Arguments;
  /** The files: each field name with all its files, in order. A map, because an object would have inherited names. */
  readonly files: ReadonlyMap<string, readonly UploadedFile[]>;
}

const NO_FORM: MultipartForm = Object.freeze({ fields: new Map(), files: new Map() });

/**
 * Parses a `multipart/form-data` body that was received as a whole (RFC 7578). For a body of another type, and for an
 * empty one, the result has no fields and no files. Takes time linear in the length.
 *
 * @param headers - of the request. Names and values of fields are decoded as UTF-8, whatever charset the headers name.
 * @param body - files are views of it, so it must not be modified after the call.
 * @param limits - for parts, files, headers and fields; the server has already limited the size of the body.
 * @throws HTTPError with a MultipartProtocolError as `cause`: 400 if the body is malformed or has too many parts, 413
 *   if a field is too large, 415 if it is still compressed. Http1UsageError `ERR_HTTP1_LIMIT` if a limit is invalid.
 */
export function parseMultipart(
  headers: HTTPHeaders,
  body: Uint8Array,
  limits?: Partial<MultipartLimits>,
): MultipartForm {
  if (body.length === 0 || !isMultipartForm(headers.get('Content-Type'))) return NO_FORM;
  try {
    return parseForm(formDecoder(headers, limits), body);
  } catch (error) {
    throw error instanceof MultipartProtocolError ? refusalOf(error) : error;
  }
}

/**
 * Creates the decoder for a form.
 *
 * @throws MultipartProtocolError if the headers do not describe a form that can be read.
 */
export function formDecoder(headers: HTTPHeaders, limits?: Partial<MultipartLimits>): MultipartDecoder {
  const decoder = new MultipartDecoder(multipartBoundary(headers.get('Content-Type')), limits);
  const coding = headers.get('Content-Encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    throw new MultipartProtocolError('ERR_HTTP1_MULTIPART_CODING', 'a form must not have a Content-Encoding');
  }
  return decoder;
}

/** Decodes the value of a field. @throws MultipartProtocolError `ERR_HTTP1_MULTIPART_ENCODING` if it is not UTF-8. */
export function fieldText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) {
    throw new MultipartProtocolError('ERR_HTTP1_MULTIPART_ENCODING', 'the value of a field is not UTF-8');
  }
  return bufferOf(bytes).toString('utf8');
}

/** Adds a value to the list for a name. */
export function addTo<Value>(map: Map<string, Value[]>, name: string, value: Value): void {
  const values = map.get(name);
  if (values === undefined) map.set(name, [value]);
  else values.push(value);
}

export function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function parseForm(decoder: MultipartDecoder, body: Uint8Array): MultipartForm {
  const fields = new Map<string, string[]>();
  const files = new Map<string, UploadedFile[]>();
  // The body is one buffer, so the data of each part is one range of that buffer.
  let start = 0;
  let end = 0;
  decoder.receive(bufferOf(body), 0, body.length);
  decoder.endOfInput();
  for (let event = decoder.next(); event !== END; event = decoder.next()) {
    if (event === HEAD) {
      start = 0;
      end = 0;
    } else if (event === DATA) {
      if (end === 0) start = decoder.dataStart;
      end = decoder.dataEnd;
    } else if (event === PART_END) {
      const { part } = decoder;
      const bytes = body.subarray(start, end);
      if (part.filename === undefined) addTo(fields, part.name, fieldText(bytes));
      else addTo(files, part.name, new UploadedFile(part, bytes));
    }
  }
  return { fields, files };
}
