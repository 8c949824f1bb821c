import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { connect, TLSSocket } from 'node:tls';
import { describe, expect } from 'vitest';
import { RecordedEnd } from '../../src/compliance/transport-suite.ts';
import { TlsFailure } from '../../src/transports/tls-failure.ts';
import type { TlsTransport } from '../../src/transports/tls-transport.ts';
import { itNatively as it } from '../support/native-case.ts';
import {
  drainKernel,
  fillKernel,
  type NativePair,
  type NativePairOptions,
  nativePair,
  nativeTls,
  ownCertificate,
} from '../support/native-tls.ts';
import { until } from '../support/until.ts';

const MiB = 1024 * 1024;

interface Scene {
  readonly a: RecordedEnd;
  readonly b: RecordedEnd;
  readonly pair: NativePair;
}

/** Runs `test` on two recorded ends. Fails if an end has broken a rule, or has left a slot behind. */
async function withEnds(
  test: (scene: Scene) => Promise<void>,
  options: NativePairOptions = {},
): Promise<void> {
  const { binding } = nativeTls().reactor;
  const before = binding.liveSlots();
  const pair = await nativePair(options);
  const [a, b] = [new RecordedEnd(pair.a), new RecordedEnd(pair.b)];
  try {
    await test({ a, b, pair });
    expect([...a.violations, ...b.violations]).toEqual([]);
  } finally {
    pair.a.close();
    pair.b.close();
    await pair.close();
  }
  expect(binding.liveSlots()).toBe(before);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Bytes that differ at every position within 64 KiB, so that a shift shows. */
function patterned(byteLength: number): Buffer {
  const bytes = Buffer.alloc(byteLength);
  for (let at = 0; at + 4 <= byteLength; at += 4) bytes.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  return bytes;
}

/** Waits until epoll reports nothing any more. If it reports something in every iteration, this waits forever. */
async function untilAtRest(): Promise<void> {
  const { reactor } = nativeTls();
  for (let before = -1; before !== reactor.stats().events; ) {
    before = reactor.stats().events;
    await turns(50);
  }
}

/** A record that does not decrypt. */
const BAD_RECORD = `\x17\x03\x03\x00\x20${'x'.repeat(32)}`;

/** Sends close_notify, and leaves TCP open. */
function announceEnd({ slot, generation }: TlsTransport): void {
  nativeTls().binding.tlsShutdown(slot, generation);
}

/** Sends bytes past TLS. */
function sendRaw({ slot, generation }: TlsTransport, bytes: string): void {
  nativeTls().reactor.binding.sendLatin1(slot, generation, bytes, 0);
}

describe('TlsTransport', () => {
  it.each([1, 32])('carries %i MiB both ways at once to readers that pause', (megabytes) =>
    withEnds(async ({ a, b }) => {
      const expected = patterned(megabytes * MiB);
      const piece = 300_001;
      for (const end of [a, b]) {
        let deliveries = 0;
        end.onReceived = () => {
          deliveries += 1;
          if (deliveries % 7 !== 0) return;
          end.act((transport) => transport.pause());
          setImmediate(() => end.act((transport) => transport.resume()));
        };
        end.act((transport) => transport.resume());
      }
      for (let at = 0; at < expected.length; at += piece) {
        for (const end of [a, b])
          end.act((transport) => transport.write(Buffer.from(expected.subarray(at, at + piece))));
      }
      for (const end of [a, b]) {
        await end.until(({ receivedBytes }) => receivedBytes >= expected.length);
        await end.until(({ sentBytes }) => sentBytes >= expected.length);
        expect(end.sentBytes).toBe(expected.length);
        expect(end.transport.bytesInFlight).toBe(0);
        expect(end.received.equals(expected)).toBe(true);
      }
    }),
  );

  it('carries strings of any length', () =>
    withEnds(async ({ a, b }) => {
      const lengths = [1, 16_383, 16_384, 16_385, 131_071, 131_072, 131_073, 262_145, 1_000_003];
      const texts = lengths.map((length) => patterned(length).toString('latin1'));
      b.act((transport) => transport.resume());
      for (const text of texts) a.act((transport) => transport.write(text));
      const expected = texts.join('');
      await b.until(({ receivedBytes }) => receivedBytes >= expected.length);
      expect(b.received.toString('latin1') === expected).toBe(true);
      expect(a.sentBytes).toBe(expected.length);
    }));

  it('carries many small writes of one loop iteration in few deliveries', () =>
    withEnds(async ({ a, b }) => {
      let deliveries = 0;
      b.onReceived = () => {
        deliveries += 1;
      };
      b.act((transport) => transport.resume());
      let expected = '';
      for (let i = 0; i < 1000; i += 1) {
        const piece = `${i},`;
        expected += piece;
        a.act((transport) => transport.write(i % 2 === 0 ? piece : Buffer.from(piece)));
      }
      await b.until(({ receivedBytes }) => receivedBytes >= expected.length);
      expect(b.received.toString()).toBe(expected);
      expect(deliveries).toBeLessThanOrEqual(2);
    }));

  it('carries one byte at a time', () =>
    withEnds(async ({ a, b }) => {
      for (const end of [a, b]) end.act((transport) => transport.resume());
      for (let i = 0; i < 256; i += 1) {
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const) {
          from.act((transport) => transport.write(String.fromCharCode(i)));
          await to.until(({ receivedBytes }) => receivedBytes === i + 1);
        }
      }
      const expected = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      for (const end of [a, b]) expect(end.received.equals(expected)).toBe(true);
    }));

  it('reports bytes as sent once their records are in the kernel, and counts the others in flight', () =>
    withEnds(async ({ a, b }) => {
      const total = 24 * MiB;
      a.act((transport) => transport.write(Buffer.alloc(total)));
      a.transport.flush();
      await until(() => (a.transport.bytesInFlight ?? 0) > 0 && a.sentBytes > 0);
      await turns(20);
      const { sentBytes } = a;
      const inFlight = a.transport.bytesInFlight ?? 0;
      // At most one call's worth of plain text is encrypted while the kernel is full.
      expect(inFlight).toBeGreaterThan(0);
      expect(inFlight).toBeLessThanOrEqual(128 * 1024);
      expect(sentBytes + inFlight).toBeLessThan(total);
      b.act((transport) => transport.resume());
      await a.until((end) => end.sentBytes === total);
      await b.until((end) => end.receivedBytes === total);
      expect(a.transport.bytesInFlight).toBe(0);
    }));

  it('rests while ciphertext waits for a peer that does not read', () =>
    withEnds(async ({ a, b }) => {
      a.act((transport) => transport.resume());
      a.act((transport) => transport.write(Buffer.alloc(24 * MiB)));
      await until(() => (a.transport.bytesInFlight ?? 0) > 0);
      await untilAtRest();
      b.act((transport) => transport.resume());
      await b.until((end) => end.receivedBytes === 24 * MiB);
    }));

  it('rests after the peer has ended its side', () =>
    withEnds(async ({ a, b }) => {
      for (const end of [a, b]) end.act((transport) => transport.resume());
      a.act((transport) => transport.endWrite());
      await b.until(({ endings }) => endings === 1);
      await untilAtRest();
      expect([b.endings, b.closings]).toEqual([1, 0]);
    }));

  it('announces the end when it closes with nothing left to send', () =>
    withEnds(async ({ a, b }) => {
      b.act((transport) => transport.resume());
      a.act((transport) => transport.write('all'));
      a.transport.flush();
      a.act((transport) => transport.close());
      await b.until(({ endings }) => endings === 1);
      expect([b.received.toString(), b.isEndBare]).toEqual(['all', false]);
    }));

  it.each(['queued', 'encrypted'])('does not announce the end when it closes with %s bytes left', (kind) =>
    withEnds(async ({ a, b }) => {
      if (kind === 'queued') {
        a.act((transport) => transport.write('not sent'));
      } else {
        a.act((transport) => transport.write(Buffer.alloc(24 * MiB)));
        await until(() => (a.transport.bytesInFlight ?? 0) > 0);
      }
      a.act((transport) => transport.close());
      b.act((transport) => transport.resume());
      await b.until(({ endings, closings }) => endings + closings > 0);
      if (b.endings > 0) expect(b.isEndBare).toBe(true);
      else expect(b.error).toMatchObject({ code: 'ECONNRESET' });
      expect(b.receivedBytes).toBeLessThan(24 * MiB);
    }),
  );

  it('sends the end after ciphertext that waits', () =>
    withEnds(async ({ a, b }) => {
      a.act((transport) => transport.write(Buffer.alloc(24 * MiB)));
      a.act((transport) => transport.endWrite());
      await until(() => (a.transport.bytesInFlight ?? 0) > 0);
      b.act((transport) => transport.resume());
      await b.until(({ endings }) => endings === 1);
      expect([b.receivedBytes, b.isEndBare]).toEqual([24 * MiB, false]);
      await a.until((end) => end.sentBytes === 24 * MiB);
    }));

  it('sends close_notify, and the end of TCP after it, when the kernel has room for them', () =>
    withEnds(async ({ a, pair }) => {
      const filled = await fillKernel(pair.a);
      a.act((transport) => transport.endWrite());
      a.transport.flush();
      await turns(5);
      const total = await drainKernel(pair.b);
      // A record with an alert (RFC 8446 section 5.2): header, 2 bytes, type and tag.
      expect(total - filled).toBe(5 + 2 + 1 + 16);
    }));

  it('closes when both sides have announced their ends, without waiting for the end of TCP', () =>
    withEnds(async ({ a, b, pair }) => {
      for (const end of [a, b]) end.act((transport) => transport.resume());
      announceEnd(pair.a);
      await b.until(({ endings }) => endings === 1);
      b.act((transport) => transport.endWrite());
      await b.until(({ closings }) => closings === 1);
      expect([b.isEndBare, b.error]).toEqual([false, undefined]);
    }));

  it('closes when the peer announces its end second, without waiting for the end of TCP', () =>
    withEnds(async ({ a, b, pair }) => {
      a.act((transport) => transport.resume());
      a.act((transport) => transport.endWrite());
      await turns(5);
      announceEnd(pair.b);
      await a.until(({ closings }) => closings === 1);
      expect([a.endings, a.isEndBare, a.error]).toEqual([1, false, undefined]);
      expect(b.closings).toBe(0);
    }));

  it('passes an end that it has not reported on to the Duplex', () =>
    withEnds(async ({ a, pair }) => {
      a.onReceived = () => a.act((transport) => transport.pause());
      nativeTls().binding.tlsSendLatin1(pair.b.slot, pair.b.generation, 'last bytes', 0);
      announceEnd(pair.b);
      await turns(5);
      a.act((transport) => transport.resume());
      await a.until(({ receivedBytes }) => receivedBytes === 10);
      const duplex = pair.a.detach().resume();
      await once(duplex, 'end');
      expect(a.endings).toBe(0);
      duplex.destroy();
      await once(duplex, 'close');
    }));

  it('fails with OpenSSL’s reason for a record that does not decrypt, after the bytes before it', () =>
    withEnds(async ({ a, b, pair }) => {
      for (const end of [a, b]) end.act((transport) => transport.resume());
      a.act((transport) => transport.write('before'));
      a.transport.flush();
      sendRaw(pair.a, BAD_RECORD);
      await b.until(({ closings }) => closings === 1);
      expect(b.received.toString()).toBe('before');
      expect(b.error).toBeInstanceOf(TlsFailure);
      expect(b.error).toMatchObject({ code: 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC' });
      expect(b.endings).toBe(0);
      // bad_record_mac (RFC 8446 section 6.2)
      await a.until(({ closings }) => closings === 1);
      expect(a.error).toMatchObject({ name: 'TlsFailure', alert: 20 });
    }));

  it('does not fail because of bytes after close_notify', () =>
    withEnds(async ({ a, b, pair }) => {
      for (const end of [a, b]) end.act((transport) => transport.resume());
      announceEnd(pair.a);
      sendRaw(pair.a, 'after the end');
      await b.until(({ endings }) => endings === 1);
      await turns(10);
      b.act((transport) => transport.write('still open'));
      await a.until(({ receivedBytes }) => receivedBytes === 10);
      expect([b.endings, b.closings, b.isEndBare]).toEqual([1, 0, false]);
    }));

  it('delivers what the peer has sent before a send fails', () =>
    withEnds(async ({ a, b }) => {
      a.act((transport) => transport.write('response'));
      a.transport.flush();
      a.act((transport) => transport.reset());
      await a.until(({ closings }) => closings === 1);
      b.act((transport) => transport.resume());
      b.act((transport) => transport.write('request'));
      b.transport.flush();
      await b.until(({ closings }) => closings === 1);
      expect(b.received.toString()).toBe('response');
      expect((b.error as NodeJS.ErrnoException).code).toMatch(/^(ECONNRESET|EPIPE)$/);
      expect(b.endings).toBe(0);
    }));

  it('reports the alert of a peer that refuses us rather than the send that fails after it', () =>
    withEnds(async ({ a, b, pair }) => {
      sendRaw(pair.b, BAD_RECORD);
      a.act((transport) => transport.resume());
      await a.until(({ closings }) => closings === 1);
      // These bytes find the peer closed, which resets the connection.
      sendRaw(pair.b, BAD_RECORD);
      b.act((transport) => transport.resume());
      b.act((transport) => transport.write('more'));
      b.transport.flush();
      await b.until(({ closings }) => closings === 1);
      expect(b.error).toMatchObject({ name: 'TlsFailure', alert: 20 });
    }));

  it('delivers repeatedly in the root async context', () =>
    withEnds(async ({ a, b }) => {
      const storage = new AsyncLocalStorage<number>();
      const stores: unknown[] = [];
      let deliveries = 0;
      b.onReceived = () => {
        deliveries += 1;
        stores.push(storage.getStore());
        storage.enterWith(deliveries);
      };
      a.act((transport) => transport.write(Buffer.alloc(2 * MiB)));
      a.act((transport) => transport.endWrite());
      await until(() => a.sentBytes > MiB / 2);
      b.act((transport) => transport.resume());
      await b.until(({ endings }) => endings === 1);
      expect(deliveries).toBeGreaterThan(2);
      expect(stores.every((store) => store === undefined)).toBe(true);
    }));

  it('reports sessions that the server issues, and the close of the descriptor once', async () => {
    const sessions: Uint8Array[] = [];
    const closed: TlsTransport[] = [];
    const watcher = {
      session: (_: TlsTransport, der: Uint8Array) => void sessions.push(der),
      closed: (transport: TlsTransport) => void closed.push(transport),
    };
    let a!: TlsTransport;
    await withEnds(
      async ({ pair }) => {
        a = pair.a;
        a.resume();
        await until(() => sessions.length > 0);
        a.close();
        a.close();
        a.reset();
      },
      { client: { keepsSessions: true }, clientWatcher: watcher },
    );
    expect(closed).toEqual([a]);
    // An SSL_SESSION in DER.
    expect(sessions[0]?.[0]).toBe(0x30);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('resumes a session of %s', async (version) => {
    const sessions: Uint8Array[] = [];
    const watcher = {
      session: (_: TlsTransport, der: Uint8Array) => void sessions.push(der),
      closed() {},
    };
    const server = { credentials: { maxVersion: version, ticketKeys: Buffer.alloc(48, 7) } };
    const options = { server, client: { keepsSessions: true }, clientWatcher: watcher };
    const scene = async ({ a, pair }: Scene): Promise<void> => {
      a.act((transport) => transport.resume());
      await until(() => sessions.length > 0);
      expect(pair.a.tls.protocol).toBe(version);
    };
    await withEnds(scene, options);
    const [session] = sessions;
    await withEnds(
      async ({ pair }) => {
        expect([pair.a.tls.isSessionReused, pair.b.tls.isSessionReused]).toEqual([true, true]);
        expect(pair.a.tls.authorized).toBe(true);
      },
      { ...options, session },
    );
  });

  it('calls its watcher if the peer closes, and before the stream learns of it', async () => {
    const order: string[] = [];
    await withEnds(
      async ({ a, b }) => {
        b.act((transport) => transport.resume());
        a.act((transport) => transport.reset());
        await b.until(({ closings }) => closings === 1);
        order.push('closed');
      },
      { serverWatcher: { closed: () => void order.push('watcher') } },
    );
    expect(order).toEqual(['watcher', 'closed']);
  });

  it('detaches as a Duplex over the same TLS connection, and passes its watcher on', async () => {
    const closed: TlsTransport[] = [];
    let a!: TlsTransport;
    await withEnds(
      async ({ b, pair }) => {
        a = pair.a;
        b.act((transport) => transport.resume());
        const duplex = a.detach();
        duplex.write('over the heir');
        await b.until(({ receivedBytes }) => receivedBytes === 13);
        b.act((transport) => transport.write('and back'));
        const [chunk] = await once(duplex, 'data');
        expect(String(chunk)).toBe('and back');
        expect(closed).toEqual([]);
        duplex.destroy();
        await b.until(({ endings }) => endings === 1);
        expect(b.isEndBare).toBe(false);
      },
      { clientWatcher: { closed: (transport) => void closed.push(transport) } },
    );
    expect(closed).toHaveLength(1);
    expect(closed[0]?.slot).toBe(a.slot);
  });

  it('carries TLS in TLS, by node:tls over its Duplex', () =>
    withEnds(async ({ pair }) => {
      const server = new TLSSocket(pair.b.detach(), { isServer: true, ...ownCertificate() });
      const client = connect({ socket: pair.a.detach(), ca: ownCertificate().cert, servername: 'localhost' });
      client.write('inside');
      const [chunk] = await once(server, 'data');
      expect(String(chunk)).toBe('inside');
      client.destroy();
      server.destroy();
      await Promise.all([once(client, 'close'), once(server, 'close')]);
      await until(() => nativeTls().reactor.stats().descriptors <= 1);
    }));

  it('throws if it is detached after its close', () =>
    withEnds(async ({ a }) => {
      a.act((transport) => transport.close());
      expect(() => a.transport.detach()).toThrow(expect.objectContaining({ code: 'EBADF' }));
    }));

  it('keeps its turn with others: a fast sender does not delay a slow one', () =>
    withEnds(async ({ a, b }) => {
      const other = await nativePair();
      const [c, d] = [new RecordedEnd(other.a), new RecordedEnd(other.b)];
      d.act((transport) => transport.resume());
      b.act((transport) => transport.resume());
      a.act((transport) => transport.write(Buffer.alloc(16 * MiB)));
      await turns(1);
      c.act((transport) => transport.write('short'));
      await d.until(({ receivedBytes }) => receivedBytes === 5);
      expect(b.receivedBytes).toBeLessThan(16 * MiB);
      c.transport.close();
      d.transport.close();
      await other.close();
    }));
});
