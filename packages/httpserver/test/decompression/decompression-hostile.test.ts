import { HTTPInputError } from '@landspout/http1';
import { ContentCodingProtocolError } from '@landspout/http1/content-coding';
import { describe, expect, it } from 'vitest';
import { DecompressingDelegate } from '../../src/decompression/decompressing-delegate.ts';
import type { DecompressionOptions } from '../../src/decompression/decompression-options.ts';
import type { HTTPServerOptions } from '../../src/index.ts';
import { AVAILABLE_CODINGS, countingFreedEngines, encode, words } from '../fixtures/encoded-bodies.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { type RecordedRequest, RecordingDelegate } from '../fixtures/recording-delegate.ts';
import { openDescriptors, type RunningServer, waitUntil, withServer } from '../fixtures/running-server.ts';

const MiB = 1024 * 1024;

async function recorded(
  recording: RecordingDelegate,
  test: (running: RunningServer) => Promise<void>,
  options: DecompressionOptions = {},
  serverOptions: HTTPServerOptions = {},
): Promise<void> {
  await withServer(new DecompressingDelegate(recording, options), test, serverOptions);
}

function head(coding: string, byteLength: number, fields = ''): string {
  const encoding = `Content-Encoding: ${coding}\r\nContent-Length: ${byteLength}\r\n`;
  return `POST / HTTP/1.1\r\nHost: a\r\n${encoding}${fields}\r\n`;
}

function post(coding: string, body: Buffer): string {
  return head(coding, body.length) + body.toString('latin1');
}

/** A reset may be seen as an end first. */
const isHalfClose = (error: Error): boolean => (error as { code?: unknown }).code === 'ERR_HTTP_PEER_ENDED';

const GOOD = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const TEXT = Buffer.from('a body that is long enough to be cut in the middle of it');

const BROKEN: readonly (readonly [name: string, coding: string, body: Buffer])[] = [
  ...(['gzip', 'deflate', 'br'] as const).flatMap((coding): [string, string, Buffer][] => {
    const encoded = encode(TEXT, coding);
    return [
      [`${coding} that is none`, coding, Buffer.from('never compressed')],
      [`${coding} that is cut short`, coding, encoded.subarray(0, -3)],
      [`${coding} with something behind it`, coding, Buffer.concat([encoded, Buffer.from('garbage')])],
      [`${coding} with zeros behind it`, coding, Buffer.concat([encoded, Buffer.alloc(3)])],
    ];
  }),
  [
    'a second member that is cut short',
    'gzip',
    Buffer.concat([encode(TEXT, 'gzip'), encode('', 'gzip').subarray(0, 5)]),
  ],
  ['a list in the wrong order', 'br, gzip', encode(TEXT, 'gzip', 'br')],
];

describe('DecompressingDelegate, against bad bodies', () => {
  it.each(BROKEN)('answers %s with 400, closes, logs one line, and goes on [ATT-27]', (_, coding, body) => {
    const recording = new RecordingDelegate();
    return recorded(recording, async ({ port, records }) => {
      const received = await converse(port, post(coding, body));
      expect(statusLines(received)).toEqual(['HTTP/1.1 400 Bad Request']);
      expect(received).toContain('\r\nConnection: close\r\n');
      const length = Number(/Content-Length: (\d+)/.exec(received)?.[1]);
      expect(received.slice(received.indexOf('\r\n\r\n') + 4)).toHaveLength(length);
      expect(records.map(({ level }) => level)).toEqual(['info']);
      const [request] = recording.requests;
      expect(request?.calls.filter((call) => call !== 'data')).toEqual(['head', 'closed']);
      expect(request?.closedWith[0]).toBeInstanceOf(HTTPInputError);
      expect((await converse(port, GOOD)).endsWith('0 bytes')).toBe(true);
    });
  });

  it('answers a bomb with 413 before any of it is handed on [ATT-25]', () => {
    const recording = new RecordingDelegate();
    return recorded(
      recording,
      async ({ port, records }) => {
        for (const coding of AVAILABLE_CODINGS) {
          const bomb = encode(Buffer.alloc(200 * 1024), coding);
          expect(bomb.length).toBeLessThan(1000);
          const received = await converse(port, post(coding, bomb));
          expect(statusLines(received), coding).toEqual(['HTTP/1.1 413 Content Too Large']);
          const request = recording.requests.at(-1);
          expect(request?.calls).toEqual(['head', 'closed']);
          expect(request?.closedWith).toMatchObject([{ code: 'ERR_HTTP_INPUT', status: 413 }]);
        }
        // The others are of the same kind, and are counted.
        expect(records).toMatchObject([{ level: 'info', message: 'refused a request' }]);
      },
      { maxBodyBytes: 1000 },
      { maxBodyBytes: 1000 },
    );
  });

  it('answers with 413 what grows more than it may', () =>
    recorded(
      new RecordingDelegate(),
      async ({ port }) => {
        const received = await converse(port, post('gzip', encode(Buffer.alloc(MiB), 'gzip')));
        expect(statusLines(received)).toEqual(['HTTP/1.1 413 Content Too Large']);
      },
      { maxRatio: 100 },
    ));

  it('spends little memory on a bomb of 10 GB, and serves others meanwhile [ATT-25]', () => {
    const recording = new RecordingDelegate({ keep: false });
    return recorded(recording, async ({ port }) => {
      const bomb = Buffer.concat(new Array(100).fill(encode(Buffer.alloc(100 * MiB), 'gzip')));
      const before = process.memoryUsage().rss;
      let most = 0;
      let served = 0;
      let over = false;
      const attack = converse(port, post('gzip', bomb)).finally(() => {
        over = true;
      });
      const client = await RawClient.connect({ port });
      while (!over) {
        client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        served += 1;
        await client.until((all) => all.split('0 bytes').length === served + 1);
        most = Math.max(most, process.memoryUsage().rss);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      client.close();
      expect(statusLines(await attack)).toEqual(['HTTP/1.1 413 Content Too Large']);
      expect(recording.requests[0]?.bytes).toBe(100 * MiB);
      expect(served).toBeGreaterThan(5);
      // The pieces that have passed wait for the collector, which comes when it likes.
      expect(most - before).toBeLessThan(150 * MiB);
    });
  });

  it('cuts an answer that had begun, so that it does not look complete', () => {
    const recording = new RecordingDelegate({
      head: ({ exchange, head: { headers } = { headers: undefined } }) =>
        exchange.writeHead(200, 'OK', (headers as NonNullable<typeof headers>).copy(), 'begun'),
    });
    return recorded(recording, async ({ port }) => {
      const received = await converse(port, post('gzip', encode(TEXT, 'gzip').subarray(0, -1)));
      expect(received).not.toMatch(/0\r\n\r\n$/);
      expect(recording.requests[0]?.calls.at(-1)).toBe('closed');
      expect(recording.requests[0]?.calls).not.toContain('finish');
    });
  });

  it("does not take a delegate's own failure for the peer's", () => {
    const failure = new ContentCodingProtocolError('ERR_HTTP_CODING_CORRUPT', 'of somebody else');
    const recording = new RecordingDelegate({ data: () => Promise.reject(failure) });
    return recorded(recording, async ({ port, records }) => {
      const received = await converse(port, post('gzip', encode(TEXT, 'gzip')));
      expect(statusLines(received)).toEqual(['HTTP/1.1 500 Internal Server Error']);
      expect(records).toMatchObject([{ level: 'error', error: failure }]);
      expect(recording.requests[0]?.calls).toEqual(['head', 'data', 'closed']);
    });
  });

  it('hears nothing more once it has answered, in the middle of a piece or between two', async () => {
    for (const late of [false, true]) {
      const recording = new RecordingDelegate({
        data: (request) => {
          if (!late) request.answer(200, 'enough');
        },
      });
      await recorded(recording, async ({ port }) => {
        const body = encode(words(4 * MiB), 'gzip');
        const client = await RawClient.connect({ port }, head('gzip', body.length));
        client.send(body.subarray(0, body.length / 2).toString('latin1'));
        await waitUntil(() => (recording.requests[0]?.bytes ?? 0) > (late ? MiB : 0));
        const [request] = recording.requests;
        if (late) request?.answer(200, 'enough');
        const heard = request?.bytes;
        client.send(body.subarray(body.length / 2).toString('latin1'));
        expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 200 [\s\S]*enough$/);
        expect(request?.bytes).toBe(heard);
        expect(request?.calls).toEqual(['head', 'data']);
        client.close();
      });
    }
  });

  it.each(['answered early', 'aborted'])('frees at once what an upload holds that is %s', (how) => {
    const recording = new RecordingDelegate();
    return countingFreedEngines((freed) =>
      recorded(recording, async ({ port, server }) => {
        const body = encode(words(100_000), 'gzip');
        const part = body.subarray(0, body.length / 2).toString('latin1');
        const client = await RawClient.connect({ port }, head('gzip', body.length) + part);
        await waitUntil(() => (recording.requests[0]?.bytes ?? 0) > 0);
        expect(freed()).toBe(0);
        if (how === 'aborted') {
          client.reset();
          await waitUntil(() => server.connectionCount === 0);
        } else {
          recording.requests[0]?.answer(200, 'enough');
        }
        expect(freed()).toBe(1);
        client.close();
      }),
    );
  });

  it('frees what aborted uploads held, and makes no later calls', () => {
    const recording = new RecordingDelegate({ keep: false });
    const count = 1000;
    const together = 50;
    return recorded(recording, async ({ port, server, records }) => {
      const body = encode(Buffer.concat(new Array(8).fill(words(128 * 1024))), 'br');
      const text = head('br', body.length) + body.subarray(0, -10).toString('latin1');
      const descriptors = openDescriptors();
      const before = process.memoryUsage().rss;
      let earlier: RecordedRequest[] = [];
      for (let round = 0; round < count / together; round += 1) {
        const connecting = Array.from({ length: together }, () => RawClient.connect({ port }, text));
        const clients = await Promise.all(connecting);
        // Some have heard of a piece by now, and some have none.
        await waitUntil(() => recording.requests.some(({ bytes }) => bytes > 0));
        for (const client of clients) client.reset();
        await waitUntil(() => server.connectionCount === 0);
        // Those of the round before have had all the time of this one for a call that should not come.
        for (const { calls, closedWith } of earlier) {
          expect(calls).not.toContain('finish');
          expect(calls.at(-1)).toBe('closed');
          expect(closedWith.filter((error) => !isHalfClose(error))).toHaveLength(1);
        }
        earlier = recording.requests.splice(0);
      }
      expect(process.getActiveResourcesInfo().filter((kind) => /zlib/i.test(kind))).toEqual([]);
      await waitUntil(() => openDescriptors() <= descriptors);
      // Each had a window of a megabyte. What is left waits for the collector, and does not grow with their number.
      expect(process.memoryUsage().rss - before).toBeLessThan(400 * MiB);
      expect(records.filter(({ level }) => level !== 'info')).toEqual([]);
      expect((await converse(port, GOOD)).endsWith('0 bytes')).toBe(true);
    });
  });
});
