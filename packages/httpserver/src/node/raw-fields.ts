import type { HTTPHeaders } from '@landspout/http1';

/** The header fields of a request as Node has them, and what they say about the body. */
export class RawFields {
  /** Names and values in turn, as they were sent. */
  readonly raw: string[] = [];
  /** The bytes of the body; -1 if the body is chunked. */
  readonly bodyLength: number;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;

  constructor(headers: HTTPHeaders) {
    const { raw } = this;
    let bodyLength = 0;
    let expectsContinue = false;
    for (const [name, value] of headers.getAll()) {
      raw.push(name, value);
      const { length } = name;
      if (length === 6 && name.toLowerCase() === 'expect') expectsContinue = true;
      else if (length === 14 && name.toLowerCase() === 'content-length') bodyLength = Number(value);
      else if (length === 17 && name.toLowerCase() === 'transfer-encoding') bodyLength = -1;
    }
    this.bodyLength = bodyLength;
    this.expectsContinue = expectsContinue;
  }
}
