import type { HTTPHeaders } from '@landspout/http1';
import { announcedBodyBytes } from '../bodies/announced-body.ts';

/** The header fields of a request as Node has them, and what they say about the body. */
export class RawFields {
  /**
   * Names and values in turn, as they were sent. For a body whose length the server has removed, because it decompresses
   * the body, there is `Transfer-Encoding: chunked`: without either field, Node handlers take it that there is no body.
   */
  readonly raw: string[] = [];
  /** The bytes of the body; -1 if that is not known. */
  readonly bodyLength: number;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;

  constructor(headers: HTTPHeaders) {
    const { raw } = this;
    let isChunked = false;
    let mayHaveBody = false;
    let expectsContinue = false;
    for (const [name, value] of headers.getAll()) {
      raw.push(name, value);
      const { length } = name;
      if (length === 6 && name.toLowerCase() === 'expect') expectsContinue = true;
      else if (length === 17 && name.toLowerCase() === 'transfer-encoding') isChunked = true;
      // Content-Length and X-Consumed-Content-Encoding: most requests have neither.
      else if (length === 14 || length === 27) mayHaveBody = true;
    }
    this.bodyLength = isChunked || mayHaveBody ? announcedBodyBytes(headers) : 0;
    if (this.bodyLength === -1 && !isChunked) raw.push('Transfer-Encoding', 'chunked');
    this.expectsContinue = expectsContinue;
  }
}
