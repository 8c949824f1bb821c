import type { HTTPHeaders } from '@landspout/http1';
import type { MultipartPart } from '@landspout/http1/protocol';
import { INSPECT, inspectedText, inspection } from '@landspout/ioloop/inspection';
import { safeFileName, UNKNOWN_TYPE } from './files.ts';
import { FileSink, type PartSink } from './part-sink.ts';
import type { Arguments } from './url-encoding.ts';

/** A part of a form that is received piece by piece. Its name, type and headers are known before its body. */
export class StreamedPart {
  /** The name of the form field. Several parts may have the same field name. */
  readonly fieldName: string;
  /**
   * The name of the file as it was sent: it may be a path, or anything else, so never use it as the path of a file.
   * `undefined` for a plain field.
   */
  readonly filename: string | undefined;
  /** The media type that the client sent; without one, `application/unknown` for a file, and `text/plain` for a field. */
  readonly contentType: string;
  /** All headers of the part. Unlike those of the request, their values were decoded as UTF-8. */
  readonly headers: HTTPHeaders;
  #byteLength = 0;
  #path: string | undefined = undefined;

  /** Called by `MultipartReader`. */
  constructor(part: MultipartPart) {
    this.fieldName = part.name;
    this.filename = part.filename;
    this.contentType = part.contentType ?? (part.filename === undefined ? 'text/plain' : UNKNOWN_TYPE);
    this.headers = part.headers;
  }

  /** The {@link filename}, made safe by `safeFileName`; `file` for a plain field. */
  get safeName(): string {
    return safeFileName(this.filename ?? '');
  }

  /** The number of bytes of the body that were received so far. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** The path at which `saveTo` saves the part; `undefined` for other sinks. */
  get path(): string | undefined {
    return this.#path;
  }

  /** @internal */
  count(bytes: number): void {
    this.#byteLength += bytes;
  }

  /** @internal */
  goesTo(sink: PartSink): void {
    if (sink instanceof FileSink) this.#path = sink.path;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      fieldName: inspectedText(this.fieldName),
      filename: this.filename === undefined ? undefined : inspectedText(this.filename),
      contentType: inspectedText(this.contentType),
      headers: undefined,
      byteLength: this.byteLength,
      path: this.path,
    }));
  }
}

/** A form whose parts were received piece by piece. */
export interface StreamedForm {
  /** The plain fields that no sink received: each name with all its values, in order. */
  readonly fields: Arguments;
  /** The parts that a sink received, by field name, in order. A map, because an object would have inherited names. */
  readonly files: ReadonlyMap<string, readonly StreamedPart[]>;
}
