import { IOStream } from '@landspout/iostream';
import { memoryPair } from '@landspout/iostream/transports';
import { describe, expect, it } from 'vitest';
import {
  ClientConnection,
  type ClientRequest,
  type HTTPResponseDelegate,
} from '../../src/connection/client/index.ts';
import { HTTPHeaders } from '../../src/index.ts';

const GET: ClientRequest = {
  method: 'GET',
  target: '/',
  headers: HTTPHeaders.from({ Host: 'a' }),
  bodyBytes: 0,
};

function connected(): { connection: ClientConnection; peer: IOStream } {
  const [one, other] = memoryPair();
  return { connection: new ClientConnection(new IOStream(one)), peer: new IOStream(other) };
}

/** What the delegates of several requests are called with, in order. */
function recorder(connection: () => ClientConnection) {
  const events: string[] = [];
  let left = 0;
  let onOver!: () => void;
  const over = new Promise<void>((resolve) => {
    onOver = resolve;
  });
  const ended = (): void => {
    left -= 1;
    if (left === 0) onOver();
  };
  const delegate = (name: string): HTTPResponseDelegate => {
    left += 1;
    return {
      headersReceived: ({ status }) => void events.push(`${name} ${status}`),
      dataReceived: (chunk) => void events.push(`${name} ${Buffer.from(chunk).toString('latin1')}`),
      finish() {
        events.push(`${name} end`);
        ended();
      },
      connectionClosed(reason) {
        events.push(`${name} ${(reason as { code?: string }).code} ${connection().responseBegun}`);
        ended();
      },
    };
  };
  return { events, delegate, over };
}

describe('ClientConnection.pipeline', () => {
  it.each([[1], [7], [1_000]])(
    'sends requests before the responses, and tells the responses apart, in pieces of %i bytes',
    async (piece) => {
      const { connection, peer } = connected();
      const { events, delegate, over } = recorder(() => connection);
      connection.begin(GET, delegate('a'));
      connection.pipeline({ ...GET, method: 'HEAD', target: '/b' }, delegate('b'));
      connection.pipeline({ ...GET, target: '/c' }, delegate('c'));
      expect((await peer.readUntil('/c HTTP/1.1\r\nHost: a\r\n\r\n')).toString()).toBe(
        'GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n',
      );
      const responses =
        'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx' +
        'HTTP/1.1 201 OK\r\nContent-Length: 9\r\n\r\n' +
        'HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ny\r\n0\r\n\r\n';
      for (let at = 0; at < responses.length; at += piece) await peer.write(responses.slice(at, at + piece));
      await over;
      expect(events).toEqual(['a 200', 'a x', 'a end', 'b 201', 'b end', 'c 202', 'c y', 'c end']);
      expect(connection.isIdle).toBe(true);
    },
  );

  it.each([
    ['ends the connection', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', 'a end'],
    ['is invalid', 'HTTP/9.9 200 OK\r\n\r\n', 'a ERR_HTTP1_VERSION true'],
  ])(
    'fails the requests after a response that %s, whose own response has not begun',
    async (_, text, end) => {
      const { connection, peer } = connected();
      const { events, delegate, over } = recorder(() => connection);
      connection.begin(GET, delegate('a'));
      connection.pipeline(GET, delegate('b'));
      connection.pipeline(GET, delegate('c'));
      await peer.write(text);
      await over;
      expect(events.filter((event) => event !== 'a 200')).toEqual([
        end,
        'b ERR_HTTP_CLOSED false',
        'c ERR_HTTP_CLOSED false',
      ]);
    },
  );

  it('says that the response has begun for the request whose bytes were received', async () => {
    const { connection, peer } = connected();
    const { events, delegate, over } = recorder(() => connection);
    connection.begin(GET, delegate('a'));
    connection.pipeline(GET, delegate('b'));
    connection.pipeline(GET, delegate('c'));
    await peer.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 2');
    peer.close();
    await over;
    expect(events).toEqual(['a 200', 'a end', 'b ERR_HTTP1_TRUNCATED true', 'c ERR_HTTP_CLOSED false']);
  });

  it('refuses a request with a body, one after a request that ends the connection, and one on an idle connection', () => {
    const { connection } = connected();
    const { delegate } = recorder(() => connection);
    const usage = expect.objectContaining({ code: 'ERR_HTTP_USAGE' });
    expect(() => connection.pipeline(GET, delegate('a'))).toThrow(usage);
    connection.begin(GET, delegate('a'));
    expect(() => connection.pipeline({ ...GET, method: 'POST', bodyBytes: 1 }, delegate('b'))).toThrow(usage);
    const headers = HTTPHeaders.from({ Host: 'a', Connection: 'close' });
    connection.pipeline({ ...GET, headers }, delegate('b'));
    expect(connection.canPipeline).toBe(false);
    expect(() => connection.pipeline(GET, delegate('c'))).toThrow(usage);
  });
});
