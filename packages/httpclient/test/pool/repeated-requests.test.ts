import { Duplex } from 'node:stream';
import { IOStream } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { onHead, withClient, withRawServer } from '../fixtures/servers.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';

/** A connection that responds to a GET, and ends while a POST is being written: after the server has seen it. */
class EndingWithinWrite extends Duplex {
  readonly #seen: string[];

  constructor(seen: string[]) {
    super({ allowHalfOpen: true });
    this.#seen = seen;
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _: string, done: (error?: Error | null) => void): void {
    const text = Buffer.from(chunk).toString('latin1');
    this.#seen.push(text.slice(0, text.indexOf(' ')));
    if (text.startsWith('POST')) {
      this.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET', errno: -104, syscall: 'write' }));
      return;
    }
    done();
    // After the client has noticed that its request was written: only then, the connection is used again.
    setImmediate(() => this.push(OK));
  }
}

describe('AsyncHTTPClient and a POST whose old connection ends', () => {
  it('does not send it again if the connection ends within the first write [ATT-73]', async () => {
    const seen: string[] = [];
    const connect = () => Promise.resolve(IOStream.fromDuplex(new EndingWithinWrite(seen)));
    await withClient({ connect }, async (client) => {
      await client.fetch('http://a.test/');
      const post = client.fetch('http://a.test/', { method: 'POST', body: 'x' });
      await expect(post).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED', attempt: 1 });
      expect(seen).toEqual(['GET', 'POST']);
    });
  });

  it('does not send it again if the first write succeeds and the next one fails [ATT-73]', () =>
    withRawServer(
      (socket) => onHead(socket, () => socket.write(OK)),
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          await client.fetch(url);
          // The kernel takes the first bytes, and responds to them with a reset.
          sockets[0]?.destroy();
          const post = client.fetch(url, { method: 'POST', body: Buffer.alloc(4_000_000) });
          await expect(post).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED', attempt: 1 });
          expect(sockets).toHaveLength(1);
        }),
    ));
});
