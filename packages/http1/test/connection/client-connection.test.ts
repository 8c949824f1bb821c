import { Future } from '@landspout/ioloop';
import { IOStream } from '@landspout/iostream';
import { memoryPair } from '@landspout/iostream/transports';
import { describe, expect, it } from 'vitest';
import {
  ClientConnection,
  type ClientRequest,
  type HTTPResponseDelegate,
  requestUpgrade,
} from '../../src/connection/client/index.ts';
import { HTTPHeaders, type ResponseHead } from '../../src/index.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const GET: ClientRequest = {
  method: 'GET',
  target: '/',
  headers: HTTPHeaders.from({ Host: 'a' }),
  bodyBytes: 0,
};
const POST: ClientRequest = { ...GET, method: 'POST', bodyBytes: -1 };

/** A connection, and the server's end of it. */
function connected(): { connection: ClientConnection; peer: IOStream; ended: Promise<Error | undefined> } {
  const [one, other] = memoryPair();
  let onEnded!: (error: Error | undefined) => void;
  const ended = new Promise<Error | undefined>((resolve) => {
    onEnded = resolve;
  });
  const connection = new ClientConnection(new IOStream(one), { connectionEnded: onEnded });
  return { connection, peer: new IOStream(other), ended };
}

/** A delegate that keeps what it hears, and tells when it has heard all. */
function listener(hooks: Partial<HTTPResponseDelegate> = {}) {
  const events: string[] = [];
  let onOver!: (reason: Error | undefined) => void;
  const over = new Promise<Error | undefined>((resolve) => {
    onOver = resolve;
  });
  const delegate: HTTPResponseDelegate = {
    headersReceived(head) {
      events.push(`head ${head.status}`);
      return hooks.headersReceived?.(head);
    },
    dataReceived(chunk) {
      events.push(Buffer.from(chunk).toString('latin1'));
      return hooks.dataReceived?.(chunk);
    },
    finish(trailers) {
      events.push(`finish${trailers === undefined ? '' : ` ${trailers.get('x')}`}`);
      onOver(undefined);
    },
    connectionClosed(reason) {
      events.push(`closed ${(reason as { code?: string }).code ?? reason.message}`);
      onOver(reason);
    },
  };
  return { delegate, events, over };
}

describe('ClientConnection', () => {
  it('carries one request after the other [H1-07]', async () => {
    const { connection, peer } = connected();
    for (let times = 0; times < 2; times += 1) {
      const { delegate, events, over } = listener();
      connection.begin(GET, delegate);
      expect((await peer.readUntil('\r\n\r\n')).toString()).toBe('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await peer.write(OK);
      await over;
      expect(events).toEqual(['head 200', 'hello', 'finish']);
      expect(connection.isIdle).toBe(true);
    }
    connection.close();
  });

  it('writes a body in chunks, and hands trailers to finish [H1-12]', async () => {
    const { connection, peer } = connected();
    const { delegate, events, over } = listener();
    connection.begin(POST, delegate);
    connection.write(Buffer.from('one'));
    connection.write(Buffer.from(''));
    connection.finish();
    const wire = (await peer.readUntil('0\r\n\r\n')).toString();
    expect(wire.endsWith('Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n')).toBe(true);
    await peer.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: y\r\n\r\n');
    await over;
    expect(events).toEqual(['head 200', 'x', 'finish y']);
    connection.close();
  });

  it.each(['headersReceived', 'finish'] as const)(
    'gives its stream away in %s of a 101, and leaves it open',
    async (moment) => {
      const { connection, peer } = connected();
      const stream = new Future<IOStream>();
      const delegate: HTTPResponseDelegate = {
        headersReceived() {},
        dataReceived() {},
        finish() {},
        connectionClosed() {},
        [moment]() {
          stream.setResult(connection.detach());
        },
      };
      connection.begin({ ...GET, headers: HTTPHeaders.from({ Host: 'a', Upgrade: 'echo' }) }, delegate);
      await peer.readUntil('\r\n\r\n');
      await peer.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\nfirst');
      await peer.write(' second');
      const own = await stream;
      expect((await own.readBytes(12)).toString()).toBe('first second');
      await own.write('reply');
      expect((await peer.readBytes(5)).toString()).toBe('reply');
      own.close();
    },
  );

  it('takes one request at a time, and none after its end', async () => {
    const { connection, ended } = connected();
    const { delegate, over } = listener();
    connection.begin(GET, delegate);
    expect(() => connection.begin(GET, delegate)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_USAGE' }),
    );
    expect(() => connection.write(Buffer.from('x'))).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_USAGE' }),
    );
    expect(() => connection.finish()).toThrow(expect.objectContaining({ code: 'ERR_HTTP_USAGE' }));
    expect(() => connection.detach()).toThrow(expect.objectContaining({ code: 'ERR_HTTP_USAGE' }));
    connection.abort(new Error('enough'));
    expect((await over)?.message).toBe('enough');
    await ended;
    expect(() => connection.begin(GET, delegate)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_CLOSED' }),
    );
    connection.write(Buffer.from('ignored'));
    connection.finish();
  });

  it('begins nothing with a head that must not reach the wire', () => {
    const { connection } = connected();
    const { delegate, events } = listener();
    const headers = new HTTPHeaders();
    expect(() => connection.begin({ ...GET, headers }, delegate)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }),
    );
    expect(connection.isIdle).toBe(true);
    expect(events).toEqual([]);
    connection.close();
  });

  it('delivers nothing while the delegate waits, and all of it afterwards [CU-03]', async () => {
    const { connection, peer } = connected();
    let open!: () => void;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { delegate, events, over } = listener({ headersReceived: () => gate });
    connection.begin(GET, delegate);
    await peer.readUntil('\r\n\r\n');
    await peer.write(OK.slice(0, -2));
    await peer.write(OK.slice(-2));
    peer.endWrite();
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(events).toEqual(['head 200']);
    open();
    await over;
    expect(events.join('|').replace('hel|lo', 'hello')).toBe('head 200|hello|finish');
  });

  it.each<[string, Partial<HTTPResponseDelegate>]>([
    ['throws', { dataReceived: () => expect.unreachable('mine') }],
    ['rejects', { dataReceived: () => Promise.reject(new Error('mine')) }],
    ['returns a Future that fails', { headersReceived: () => failedFuture(new Error('mine')) }],
  ])('ends where its delegate %s, and gives the error back', async (_, hooks) => {
    const { connection, peer, ended } = connected();
    const { delegate, over } = listener(hooks);
    connection.begin(GET, delegate);
    await peer.readUntil('\r\n\r\n');
    await peer.write(OK);
    expect((await over)?.message).toContain('mine');
    await ended;
    expect(connection.isIdle).toBe(false);
  });

  it('ends when bytes come that no request asked for [ATT-61]', async () => {
    const { connection, peer, ended } = connected();
    await peer.write(OK);
    expect(await ended).toMatchObject({ code: 'ERR_HTTP1_UNSOLICITED_RESPONSE' });
    expect(connection.isIdle).toBe(false);
  });

  it('ends when the peer ends while it is idle', async () => {
    const { connection, peer, ended } = connected();
    peer.endWrite();
    expect(await ended).toBeUndefined();
    expect(connection.isIdle).toBe(false);
  });

  it('is not idle, even inside finish, when bytes come behind an answer [ATT-61]', async () => {
    const { connection, peer, ended } = connected();
    const { delegate, over } = listener();
    let idle: boolean | undefined;
    const finish = (): void => {
      idle = connection.isIdle;
      delegate.finish(undefined);
    };
    connection.begin(GET, { ...delegate, finish });
    await peer.readUntil('\r\n\r\n');
    await peer.write(`${OK}HTTP/1.1 200 OK\r\n`);
    await over;
    expect(idle).toBe(false);
    await ended;
  });

  it('is not idle after an answer when the peer ended while its delegate waited', async () => {
    const { connection, peer, ended } = connected();
    let open!: () => void;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { delegate, events, over } = listener({ headersReceived: () => gate });
    connection.begin(GET, delegate);
    await peer.readUntil('\r\n\r\n');
    await peer.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    peer.endWrite();
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(events).toEqual(['head 200']);
    open();
    await over;
    expect(events).toEqual(['head 200', 'finish']);
    expect(connection.isIdle).toBe(false);
    await ended;
  });

  it('says whether any byte of an answer came', async () => {
    for (const [bytes, begun] of [
      ['', false],
      ['H', true],
    ] as const) {
      const { connection, peer } = connected();
      const { delegate, over } = listener();
      connection.begin(GET, delegate);
      await peer.readUntil('\r\n\r\n');
      if (bytes !== '') await peer.write(bytes);
      peer.close();
      expect(await over).toBeInstanceOf(Error);
      expect(connection.responseBegun).toBe(begun);
    }
  });

  it('is not used again after an answer that came before the end of its request', async () => {
    const { connection, peer, ended } = connected();
    const { delegate, events, over } = listener();
    connection.begin(POST, delegate);
    await peer.readUntil('\r\n\r\n');
    await peer.write(OK);
    await over;
    expect(events.at(-1)).toBe('finish');
    expect(connection.wantsBody).toBe(false);
    await ended;
  });

  it('limits the body of one response by what its request says', async () => {
    const { connection, peer } = connected();
    const { delegate, events, over } = listener();
    connection.begin(GET, { ...delegate, maxBodyBytes: 4 });
    await peer.readUntil('\r\n\r\n');
    await peer.write(OK);
    await over;
    expect(events).toEqual(['head 200', 'closed ERR_HTTP1_BODY_TOO_LARGE']);
  });
});

describe('requestUpgrade', () => {
  const headers = HTTPHeaders.from({ Host: 'a', Connection: 'Upgrade', Upgrade: 'echo' });
  const request = { method: 'GET', target: '/', headers };
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

  it('gives the stream back with what came behind the head', async () => {
    const [one, other] = memoryPair();
    const peer = new IOStream(other);
    const asked = requestUpgrade(new IOStream(one), request);
    await peer.readUntil('\r\n\r\n');
    await peer.write(`${switching}first`);
    const { head, stream } = await asked;
    expect(head).toMatchObject({ status: 101 } satisfies Partial<ResponseHead>);
    expect((await stream?.readBytes(5))?.toString()).toBe('first');
    await peer.write('second');
    expect((await stream?.readBytes(6))?.toString()).toBe('second');
    await stream?.write('back');
    expect((await peer.readBytes(4)).toString()).toBe('back');
    stream?.close();
  });

  it('gives the head alone, and closes, where the peer refuses', async () => {
    const [one, other] = memoryPair();
    const [stream, peer] = [new IOStream(one), new IOStream(other)];
    const asked = requestUpgrade(stream, request);
    await peer.readUntil('\r\n\r\n');
    await peer.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nWWW-Authenticate: Basic\r\n\r\nno');
    const answer = await asked;
    expect(answer.stream).toBeUndefined();
    expect(answer.head.headers.get('WWW-Authenticate')).toBe('Basic');
    await stream.waitClosed();
  });

  it('makes a tunnel of a CONNECT', async () => {
    const [one, other] = memoryPair();
    const peer = new IOStream(other);
    const asked = requestUpgrade(new IOStream(one), {
      method: 'CONNECT',
      target: 'b:443',
      headers: HTTPHeaders.from({ Host: 'b:443' }),
    });
    await peer.readUntil('\r\n\r\n');
    await peer.write('HTTP/1.1 200 Go\r\n\r\nraw');
    const { stream } = await asked;
    expect((await stream?.readBytes(3))?.toString()).toBe('raw');
    stream?.close();
  });

  it.each([
    ['what is no HTTP', 'garbage\r\n\r\n', { code: 'ERR_HTTP1_BAD_STATUS_LINE' }],
    ['a 101 of HTTP/1.0', switching.replace('1.1', '1.0'), { code: 'ERR_HTTP1_INTERIM_VERSION' }],
    ['nothing', '', { code: 'ERR_HTTP_CLOSED' }],
  ])('rejects when the peer answers %s', async (_, bytes, error) => {
    const [one, other] = memoryPair();
    const [stream, peer] = [new IOStream(one), new IOStream(other)];
    const asked = requestUpgrade(stream, request);
    const failed = expect(asked).rejects.toMatchObject(error);
    await peer.readUntil('\r\n\r\n');
    if (bytes === '') peer.close();
    else await peer.write(bytes);
    await failed;
    await stream.waitClosed();
  });

  it('closes the stream if it is aborted, or if the request or an option is invalid', async () => {
    for (const [given, options, error] of [
      [request, { signal: AbortSignal.abort(new Error('enough')) }, { message: 'enough' }],
      [{ ...request, target: 'a b' }, {}, { code: 'ERR_HTTP1_USAGE' }],
      [request, { limits: { maxHeaders: -1 } }, { code: 'ERR_HTTP1_LIMIT' }],
      [request, { zzz: 1 } as object, { code: 'ERR_HTTP_USAGE' }],
    ] as const) {
      const stream = new IOStream(memoryPair()[0]);
      const asked = requestUpgrade(stream, given, options);
      await expect(asked).rejects.toMatchObject(error);
      await stream.waitClosed();
    }
    const controller = new AbortController();
    const stream = new IOStream(memoryPair()[0]);
    const asked = requestUpgrade(stream, request, { signal: controller.signal });
    controller.abort(new Error('later'));
    await expect(asked).rejects.toThrow('later');
    await stream.waitClosed();
  });
});

function failedFuture(error: Error): Future<void> {
  const future = new Future<void>();
  setImmediate(() => future.setException(error));
  return future;
}
