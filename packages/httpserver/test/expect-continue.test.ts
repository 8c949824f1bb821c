import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { DecompressingDelegate } from '../src/decompression/decompressing-delegate.ts';
import type { AccessRecord, HTTPServerOptions } from '../src/index.ts';
import { encode } from './fixtures/encoded-bodies.ts';
import { converse, RawClient, statusLines } from './fixtures/raw-client.ts';
import { RecordingDelegate, type RecordingHooks } from './fixtures/recording-delegate.ts';
import { type RunningServer, waitUntil, withServer } from './fixtures/running-server.ts';

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const TOO_LARGE = 'HTTP/1.1 413 Content Too Large';
const EXPECT = 'Expect: 100-continue\r\n';
const LAST = 'Connection: close\r\n';

const post = (length: number, more = '') =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n${more}\r\n`;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Serves `delegate` with a limit of ten bytes. `log` is the access log. */
function withLimit(
  delegate: HTTPServerConnectionDelegate,
  test: (running: RunningServer, log: AccessRecord[]) => Promise<void>,
  options: HTTPServerOptions = {},
): Promise<void> {
  const log: AccessRecord[] = [];
  const accessLog = (record: AccessRecord): void => void log.push(record);
  return withServer(delegate, (running) => test(running, log), { maxBodyBytes: 10, accessLog, ...options });
}

/** Sets a limit for the request in headersReceived, at once or in a later turn. */
const limiting = (bytes: number, when: string): RecordingHooks => ({
  head: ({ exchange }) =>
    when === 'at once' ? exchange.setMaxBodyBytes(bytes) : turn().then(() => exchange.setMaxBodyBytes(bytes)),
});

describe('a Content-Length over the limit', () => {
  it.each([
    ['with Expect', EXPECT],
    ['without Expect', ''],
  ])('is a 413 alone, %s, before any of the body has come [H1-10] [H1-19]', (_, expectation) => {
    const recording = new RecordingDelegate();
    return withLimit(recording, async ({ port, server, records }, log) => {
      const received = await converse(port, post(11, expectation));
      expect(statusLines(received)).toEqual([TOO_LARGE]);
      expect(received).toContain('Connection: close\r\n');
      const [request] = recording.requests;
      expect(request?.calls).toEqual(['head', 'closed']);
      expect(request?.closedWith).toMatchObject([{ code: 'ERR_HTTP1_BODY_TOO_LARGE' }]);
      await waitUntil(() => server.stats().open === 0);
      expect(log).toMatchObject([{ outcome: 'refused', status: 413 }]);
      expect(server.stats().requests).toMatchObject({
        begun: 1,
        underWay: 0,
        completed: 0,
        refused: 1,
        cut: 0,
      });
      expect(records).toMatchObject([{ level: 'info', error: { code: 'ERR_HTTP1_BODY_TOO_LARGE' } }]);
    });
  });

  it('is still told to a client that sends the body all the same [H1-19]', () =>
    withLimit(new RecordingDelegate(), async ({ port }) => {
      const client = await RawClient.connect({ port }, post(100_000, EXPECT));
      client.send('x'.repeat(100_000));
      expect(statusLines(await client.untilEnd())).toEqual([TOO_LARGE]);
      expect(client.errorCode).toBeUndefined();
      client.close();
    }));

  it.each(['at once', 'in a later turn'])(
    'is asked for if headersReceived has raised the limit %s [H1-10] [H1-19]',
    (when) =>
      withLimit(new RecordingDelegate(limiting(11, when)), async ({ port }) => {
        const client = await RawClient.connect({ port }, post(11, EXPECT + LAST));
        await client.until((all) => all === CONTINUE);
        client.send('x'.repeat(11));
        expect(await client.untilEnd()).toMatch(/ 200 Said\r\n.*\r\n\r\n11 bytes$/s);
        client.close();
      }),
  );

  it.each(['at once', 'in a later turn'])(
    'is a 413 alone if headersReceived has lowered the limit %s [H1-10] [H1-19]',
    (when) =>
      withLimit(new RecordingDelegate(limiting(4, when)), async ({ port }, log) => {
        expect(statusLines(await converse(port, post(5, EXPECT)))).toEqual([TOO_LARGE]);
        expect(log).toMatchObject([{ outcome: 'refused', status: 413 }]);
      }),
  );

  it('is no reason to refuse a body of exactly the limit [H1-10] [H1-19]', () =>
    withLimit(new RecordingDelegate(), async ({ port }) => {
      const client = await RawClient.connect({ port }, post(10, EXPECT + LAST));
      await client.until((all) => all === CONTINUE);
      client.send('x'.repeat(10));
      expect(await client.untilEnd()).toMatch(/10 bytes$/);
      client.close();
    }));
});

describe('a chunked body', () => {
  it('is asked for, since its length is unknown, and refused at the chunk that is too much [H1-10]', () =>
    withLimit(new RecordingDelegate(), async ({ port }, log) => {
      const head = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${EXPECT}\r\n`;
      const client = await RawClient.connect({ port }, head);
      await client.until((all) => all === CONTINUE);
      client.send('b\r\n');
      expect(statusLines(await client.untilEnd())).toEqual(['HTTP/1.1 100 Continue', TOO_LARGE]);
      client.close();
      expect(log).toMatchObject([{ outcome: 'refused', status: 413 }]);
    }));
});

describe('a compressed body', () => {
  const compressed = (hooks: RecordingHooks = {}) =>
    new DecompressingDelegate(new RecordingDelegate(hooks), { codings: ['gzip'] });

  it.each([
    ['gzip', TOO_LARGE],
    ['identity', TOO_LARGE],
    ['compress', 'HTTP/1.1 415 Unsupported Media Type'],
  ])('in %s that is over the limit gets one response, and no 100 [H1-10]', (coding, line) =>
    withLimit(compressed(), async ({ port }, log) => {
      const head = post(11, `Content-Encoding: ${coding}\r\n${EXPECT}`);
      expect(statusLines(await converse(port, head))).toEqual([line]);
      expect(log).toHaveLength(1);
    }),
  );

  it('is asked for if headersReceived has raised the limit [H1-10] [H1-19]', () =>
    withLimit(compressed(limiting(1000, 'in a later turn')), async ({ port }) => {
      const body = encode('wait', 'gzip');
      const fields = `Content-Encoding: gzip\r\n${EXPECT}${LAST}`;
      const client = await RawClient.connect({ port }, post(body.length, fields));
      await client.until((all) => all === CONTINUE);
      client.send(body.toString('latin1'));
      expect(await client.untilEnd()).toMatch(/4 bytes$/);
      client.close();
    }));
});
