// http1 with what is below it: a request and its answer through both codecs, byte by byte, and over streams.
import assert from 'node:assert/strict';
import { HTTPHeaders, Http1ProtocolError, type ResponseHead } from '@landspout/http1';
import { ClientConnection, type HTTPResponseDelegate } from '@landspout/http1/client';
import {
  DATA,
  END,
  formatHttpDate,
  HEAD,
  type Http1ErrorCode,
  NEED_DATA,
  RequestDecoder,
  RequestEncoder,
  ResponseDecoder,
  ResponseEncoder,
} from '@landspout/http1/protocol';
import { IOLoop } from '@landspout/ioloop';
import { IOStream } from '@landspout/iostream';
import { memoryPair } from '@landspout/iostream/transports';

const request = new RequestEncoder();
const asked = request.head('POST', '/echo?x=1', HTTPHeaders.from({ Host: 'example.com' }), 5);
const { head, body } = decode(new RequestDecoder(), `${asked}${request.dataPrefix(5)}hello${request.end()}`);
assert.deepEqual(
  [head?.method, head?.target, head?.headers.get('host')],
  ['POST', '/echo?x=1', 'example.com'],
);
assert.equal(body, 'hello');

const response = new ResponseEncoder();
response.begin('POST', 'HTTP/1.1', true);
const answered =
  response.head(200, '', new HTTPHeaders(), formatHttpDate(0), -1, false) + // no length: chunked
  `${response.dataPrefix(5)}HELLO${response.dataSuffix}${response.end()}`;
const decoder = new ResponseDecoder();
decoder.expect('POST');
const echo = decode(decoder, answered);
assert.deepEqual([echo.head?.status, echo.body], [200, 'HELLO']);
assert.equal(echo.head?.headers.get('date'), 'Thu, 01 Jan 1970 00:00:00 GMT');

const code: Http1ErrorCode = 'ERR_HTTP1_BAD_HOST';
assert.throws(
  () => decode(new RequestDecoder(), 'GET / HTTP/1.1\r\n\r\n'),
  (error) => error instanceof Http1ProtocolError && error.code === code && error.status === 400,
);

assert.deepEqual(await overStreams(answered), [200, 'HELLO']);
console.log(`${IOLoop.current().backend} backend`);

/** Lends one byte after the other, so that every place where a message can be cut is tried. */
function decode<Head>(
  decoder: Pick<RequestDecoder | ResponseDecoder, 'receive' | 'next' | 'data' | 'dataStart' | 'dataEnd'> & {
    readonly head: Head;
  },
  text: string,
): { head: Head | undefined; body: string } {
  const bytes = Buffer.from(text, 'latin1');
  let head: Head | undefined;
  let body = '';
  let ended = false;
  for (let at = 0; at < bytes.length; at++) {
    decoder.receive(bytes, at, at + 1);
    for (let event = decoder.next(); event !== NEED_DATA; event = decoder.next()) {
      if (event === HEAD) head = decoder.head;
      else if (event === DATA) body += decoder.data.toString('latin1', decoder.dataStart, decoder.dataEnd);
      else if (event === END) ended = true;
    }
  }
  assert.ok(ended, 'the message did not end');
  return { head, body };
}

/** A client's connection to a peer that we play ourselves. */
async function overStreams(answer: string): Promise<[number, string]> {
  const [ours, theirs] = memoryPair();
  const peer = new IOStream(theirs);
  const connection = new ClientConnection(new IOStream(ours));
  const result = new Promise<[number, string]>((resolve, reject) => {
    let status = 0;
    let body = '';
    const delegate: HTTPResponseDelegate = {
      headersReceived(head: ResponseHead) {
        status = head.status;
      },
      dataReceived(chunk) {
        body += Buffer.from(chunk).toString();
      },
      finish: () => resolve([status, body]),
      connectionClosed: reject,
    };
    const headers = HTTPHeaders.from({ Host: 'example.com' });
    connection.begin({ method: 'GET', target: '/', headers, bodyBytes: 0 }, delegate);
  });
  assert.match((await peer.readUntil('\r\n\r\n')).toString(), /^GET \/ HTTP\/1\.1\r\n/);
  await peer.write(answer);
  const got = await result;
  connection.close();
  peer.close();
  return got;
}
