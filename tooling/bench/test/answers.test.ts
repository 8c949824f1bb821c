import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { compareAnswers, dateOffset, fetchAnswer, nameDifference } from '../answers.mjs';

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Sun, 22 Nov 2026 17:55:17 GMT\r\n\r\nhi';
const LATER = ANSWER.replace('17:55:17', '18:00:00');

describe('compareAnswers', () => {
  it('overlooks the value of Date', () => {
    expect(compareAnswers(ANSWER, LATER)).toBe('same bytes');
  });

  it('says when only the case of header names differs', () => {
    expect(compareAnswers(ANSWER, LATER.replace('Content-Length', 'content-length'))).toBe('other case');
  });

  it('says when header lines stand in another order', () => {
    const [status, length, date, ...rest] = ANSWER.split('\r\n');
    const turned = [status, date, length?.toLowerCase(), ...rest].join('\r\n');
    expect(compareAnswers(ANSWER, turned)).toBe('other case and order');
  });

  it.each([
    ['another body', ANSWER.replace(/hi$/, 'Hi')],
    ['one more header', ANSWER.replace('Date:', 'Connection: keep-alive\r\nDate:')],
    ['another value in other case', ANSWER.replace('OK', 'ok')],
    ['a Date that is none', ANSWER.replace('Sun, 22', 'Sun 22')],
  ])('refuses %s', (_name, other) => {
    expect(compareAnswers(ANSWER, other)).toBe('different');
  });
});

describe('nameDifference', () => {
  it('names the fields that one answer has and the other lacks', () => {
    const other = LATER.replace('Content-Length: 2', 'content-length: 2\r\nVary: Accept-Encoding');
    expect([nameDifference(ANSWER, other), nameDifference(other, ANSWER)]).toEqual([
      'also vary: Accept-Encoding',
      'without vary: Accept-Encoding',
    ]);
  });

  it.each([
    ['another body', ANSWER.replace(/hi$/, 'Hi')],
    ['another status', ANSWER.replace('200 OK', '203 OK')],
    ['a field twice', ANSWER.replace('\r\n\r\n', '\r\nContent-Length: 2\r\n\r\n')],
  ])('is nothing for %s', (_name, other) => {
    expect(nameDifference(ANSWER, other)).toBeUndefined();
  });
});

describe('dateOffset', () => {
  it('is where the value of Date begins, whatever the case of its name', () => {
    expect(ANSWER.slice(dateOffset(ANSWER.replace('Date', 'date'))).startsWith('Sun, 22')).toBe(true);
  });

  it('is -1 where there is no Date', () => {
    expect(dateOffset('HTTP/1.1 200 OK\r\n\r\n')).toBe(-1);
  });
});

describe('fetchAnswer', () => {
  let server: Server;
  afterEach(() => server.close());

  /** A server that sends these pieces, one for each request. */
  const serve = async (...pieces: string[]) => {
    server = createServer((socket) => {
      const left = [...pieces];
      socket.on('data', () => {
        const piece = left.shift();
        if (piece === undefined) socket.end();
        else socket.write(piece);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return { port: address.port, row: { title: 'a row' } };
  };

  it('answers the bytes of the first answer', async () => {
    expect(await fetchAnswer(await serve(ANSWER, LATER))).toBe(ANSWER);
  });

  it('asks what it is told to ask', async () => {
    server = createServer((socket) => socket.on('data', (bytes) => socket.write(bytes)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await fetchAnswer({ port, row: { title: 'an echo' } }, ANSWER)).toBe(ANSWER);
  });

  it('refuses a connection that does not last for a second request', async () => {
    await expect(fetchAnswer(await serve(ANSWER))).rejects.toThrow('a row closed the connection');
  });

  it('refuses a second answer that differs', async () => {
    const peer = await serve(ANSWER, ANSWER.replace(/hi$/, 'ho'));
    await expect(fetchAnswer(peer)).rejects.toThrow('a row answers twice differently');
  });

  it('refuses bytes behind the answer', async () => {
    await expect(fetchAnswer(await serve(`${ANSWER}!`))).rejects.toThrow('not one answer');
  });
});
