import { TLS_BYTES, TLS_COMPLETE } from '@landspout/ioloop/reactor';
import { describe, expect } from 'vitest';
import { HandshakeQueue } from '../../src/transports/handshake-queue.ts';
import { TlsFailure } from '../../src/transports/tls-failure.ts';
import type { TlsHandshake } from '../../src/transports/tls-handshake.ts';
import { itNatively as it } from '../support/native-case.ts';
import {
  attach,
  clientContext,
  drainKernel,
  fillKernel,
  nativeTls,
  type PlainPair,
  plainPair,
  secured,
  serverContext,
  shakeHands,
} from '../support/native-tls.ts';
import { watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';

type Options = Parameters<typeof serverContext>[0];

/** A connection whose ends are attached to contexts. */
async function attachedPair(server?: Options, client?: Options): Promise<PlainPair> {
  const pair = await plainPair();
  attach(pair.client, clientContext(client), false);
  attach(pair.server, serverContext(server), true);
  return pair;
}

/** Closes a descriptor that a handshake has handed over. */
function closeSlot({ slot, generation }: { slot: number; generation: number }): void {
  nativeTls().reactor.binding.close(slot, generation);
}

/** A queue that has time for one turn in each loop iteration. */
function slowQueue(): HandshakeQueue {
  let time = 0;
  return new HandshakeQueue(nativeTls().reactor, () => {
    time += 100;
    return time;
  });
}

/** Sends bytes past TLS until the kernel refuses more. */
function fillAtOnce({ slot, generation }: { slot: number; generation: number }): void {
  const bytes = Buffer.alloc(4096);
  while (nativeTls().reactor.binding.sendBytes(slot, generation, bytes, 0, bytes.length) > 0);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('TlsHandshake', () => {
  it('completes on both sides, and hands the descriptors over', async () => {
    const pair = await attachedPair({ alpnProtocols: ['http/1.1'] }, { alpnProtocols: ['h2', 'http/1.1'] });
    const [ours, theirs] = [shakeHands(pair.client), shakeHands(pair.server)];
    ours.handshake.start();
    theirs.handshake.start();
    await Promise.all([ours.outcome, theirs.outcome]);
    const client = secured(pair.client, false, false);
    const server = secured(pair.server, true, false);
    expect(client.tls).toMatchObject({ protocol: 'TLSv1.3', alpnProtocol: 'http/1.1', authorized: true });
    expect(server.tls).toMatchObject({
      alpnProtocol: 'http/1.1',
      servername: 'localhost',
      authorized: false,
    });
    client.close();
    server.close();
    await pair.close();
  });

  it('completes if every byte comes alone, as early bytes and over the connection', async () => {
    const { binding, reactor } = nativeTls();
    const outer = await plainPair();
    const inner = await plainPair();
    // The client talks to one end of a relay, and the server to the other.
    attach(outer.client, clientContext(), false);
    attach(inner.server, serverContext(), true);
    const [ours, theirs] = [shakeHands(outer.client), shakeHands(inner.server)];
    let isDone = false;
    const both = Promise.all([ours.outcome, theirs.outcome]).finally(() => {
      isDone = true;
    });
    ours.handshake.start();
    theirs.handshake.start();
    const byte = Buffer.alloc(1);
    const relay = (from: typeof outer.server, to: typeof outer.server): void => {
      if (reactor.binding.recv(from.slot, from.generation, byte, 0, 1) === 1)
        reactor.binding.sendBytes(to.slot, to.generation, byte, 0, 1);
    };
    while (!isDone) {
      relay(outer.server, inner.client);
      relay(inner.client, outer.server);
      await turns(1);
    }
    await both;
    expect(binding.tlsFacts(outer.client.slot, outer.client.generation)[0]).toBe(0x0304);
    for (const end of [outer.client, outer.server, inner.client, inner.server]) closeSlot(end);
    await Promise.all([outer.close(), inner.close()]);
  });

  it('reports input that has arrived together with the last message', async () => {
    const { binding } = nativeTls();
    const pair = await attachedPair();
    const theirs = shakeHands(pair.server);
    const { slot, generation } = pair.client;
    binding.tlsHandshake(slot, generation);
    binding.tlsHandshake(pair.server.slot, pair.server.generation);
    while ((binding.tlsHandshake(slot, generation) & TLS_BYTES) !== TLS_COMPLETE) await turns(1);
    binding.tlsSendLatin1(slot, generation, 'hello', 0);
    theirs.handshake.start();
    expect(await theirs.outcome).toBe(true);
    const received: string[] = [];
    const server = secured(pair.server, true, true);
    server.attach({
      received: (bytes, start, end) => void received.push(bytes.toString('latin1', start, end)),
      ended() {},
      sent() {},
      closed() {},
    });
    await turns(5);
    expect(received).toEqual([]);
    server.resume();
    server.pause();
    await turns(5);
    expect(received).toEqual([]);
    server.resume();
    await until(() => received.length > 0);
    expect(received).toEqual(['hello']);
    server.close();
    closeSlot(pair.client);
    await pair.close();
  });

  it('lets its owner choose the certificates by name', async () => {
    const pair = await attachedPair({ byName: true });
    const chosen = serverContext();
    const names: (string | undefined)[] = [];
    const theirs = shakeHands(pair.server, {
      chooseContext(servername) {
        names.push(servername);
        return chosen.number;
      },
    });
    const ours = shakeHands(pair.client);
    ours.handshake.start();
    theirs.handshake.start();
    await Promise.all([ours.outcome, theirs.outcome]);
    expect(names).toEqual(['localhost']);
    closeSlot(pair.client);
    closeSlot(pair.server);
    await pair.close();
  });

  it('refuses a name with the alert unrecognized_name', async () => {
    const pair = await attachedPair({ byName: true });
    const theirs = shakeHands(pair.server, { chooseContext: () => -1 });
    const ours = shakeHands(pair.client);
    ours.handshake.start();
    theirs.handshake.start();
    const [client, server] = await Promise.allSettled([ours.outcome, theirs.outcome]);
    expect(client).toMatchObject({ reason: { name: 'TlsFailure', alert: 112 } });
    expect(server).toMatchObject({ reason: { name: 'TlsFailure' } });
    await pair.close();
  });

  it('fails with what a callback throws', async () => {
    const pair = await attachedPair({ byName: true });
    const theirs = shakeHands(pair.server, {
      chooseContext() {
        throw new RangeError('no such name');
      },
    });
    const ours = shakeHands(pair.client);
    ours.handshake.start();
    theirs.handshake.start();
    await expect(theirs.outcome).rejects.toThrow('no such name');
    await expect(ours.outcome).rejects.toMatchObject({ code: 'ECONNRESET' });
    await pair.close();
  });

  it.each([
    ['a request in plain text', 'GET / HTTP/1.1\r\n\r\n', 'ERR_SSL_HTTP_REQUEST'],
    ['bytes that are no TLS', '\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00', /^ERR_SSL_/],
  ])('fails for %s', async (_, bytes, code) => {
    const pair = await plainPair();
    attach(pair.server, serverContext(), true);
    const { handshake, outcome } = shakeHands(pair.server);
    handshake.start();
    const { slot, generation } = pair.client;
    nativeTls().reactor.binding.sendLatin1(slot, generation, bytes, 0);
    const error = await outcome.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(TlsFailure);
    expect((error as TlsFailure).code).toMatch(code);
    closeSlot(pair.client);
    await pair.close();
  });

  it('fails for early bytes that are no TLS, even during start', async () => {
    const pair = await plainPair();
    attach({ ...pair.server, early: Buffer.from('GET / HTTP/1.1\r\n\r\n') }, serverContext(), true);
    const { handshake, outcome } = shakeHands(pair.server);
    handshake.start();
    await expect(outcome).rejects.toMatchObject({ code: 'ERR_SSL_HTTP_REQUEST' });
    closeSlot(pair.client);
    await pair.close();
  });

  it('fails on both sides if the certificate is not trusted, and reports the alert', async () => {
    const pair = await attachedPair({}, { credentials: { ca: [] } });
    const [ours, theirs] = [shakeHands(pair.client), shakeHands(pair.server)];
    ours.handshake.start();
    theirs.handshake.start();
    const [client, server] = await Promise.allSettled([ours.outcome, theirs.outcome]);
    expect(client).toMatchObject({
      reason: { code: 'ERR_SSL_CERTIFICATE_VERIFY_FAILED', verifyCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
    // unknown_ca (RFC 8446 section 6.2)
    expect(server).toMatchObject({ reason: { name: 'TlsFailure', alert: 48 } });
    await pair.close();
  });

  it.each(['ends its side', 'closes', 'resets'])('fails with ECONNRESET if the peer %s', async (how) => {
    const { reactor } = nativeTls();
    const pair = await plainPair();
    attach(pair.server, serverContext(), true);
    const { handshake, outcome } = shakeHands(pair.server);
    handshake.start();
    const { slot, generation } = pair.client;
    if (how === 'ends its side') {
      reactor.binding.shutdown(slot, generation, 1);
    } else {
      if (how === 'resets') reactor.binding.setOption(slot, generation, reactor.options.LINGER_ZERO, 1);
      closeSlot(pair.client);
    }
    await expect(outcome).rejects.toMatchObject({ name: 'SystemError', code: 'ECONNRESET', syscall: 'recv' });
    if (how === 'ends its side') closeSlot(pair.client);
    await pair.close();
  });

  it('reports the lines of a key log', async () => {
    const pair = await attachedPair({}, { keyLog: true });
    let lines = '';
    const ours = shakeHands(pair.client, {
      keyLines(more) {
        lines += more;
      },
    });
    const theirs = shakeHands(pair.server);
    ours.handshake.start();
    theirs.handshake.start();
    await Promise.all([ours.outcome, theirs.outcome]);
    for (const label of ['CLIENT_HANDSHAKE_TRAFFIC_SECRET', 'SERVER_TRAFFIC_SECRET_0'])
      expect(lines).toMatch(new RegExp(`^${label} [0-9a-f]{64} [0-9a-f]+$`, 'm'));
    closeSlot(pair.client);
    closeSlot(pair.server);
    await pair.close();
  });

  describe('cancel', () => {
    /** Registers every event, and cancels in the one named. */
    async function cancelIn(event: string, client: boolean): Promise<void> {
      const { reactor } = nativeTls();
      const before = reactor.binding.liveSlots();
      const pair = await attachedPair({ byName: true, keyLog: true }, { keyLog: true });
      const events: string[] = [];
      let own!: TlsHandshake;
      const heard = (name: string) => {
        events.push(name);
        if (name === event) own.cancel();
        return 0;
      };
      const watched = {
        chooseContext: () => heard('chooseContext'),
        keyLines: () => void heard('keyLines'),
        complete: () => void heard('complete'),
        failed: () => void heard('failed'),
      };
      const { loop, records } = watchedLoop();
      const ours = shakeHands(pair.client, client ? watched : {}, { loop });
      const theirs = shakeHands(pair.server, client ? {} : watched, { loop });
      own = client ? ours.handshake : theirs.handshake;
      const other = client ? theirs.outcome : ours.outcome;
      ours.handshake.start();
      theirs.handshake.start();
      // The last step of a client has completed the other side.
      const [result] = await Promise.allSettled([other]);
      if (result.status === 'fulfilled') closeSlot(client ? pair.server : pair.client);
      await turns(5);
      expect(events.filter((name) => name === event)).toHaveLength(1);
      expect(events).not.toContain('complete');
      expect(events).not.toContain('failed');
      expect(records).toEqual([]);
      await pair.close();
      expect(reactor.binding.liveSlots()).toBe(before);
    }

    it('closes the descriptor while a certificate is chosen', () => cancelIn('chooseContext', false));
    it('closes the descriptor while key lines are reported', () => cancelIn('keyLines', true));

    it('closes the descriptor before the start and between two steps, without an event', async () => {
      const { reactor } = nativeTls();
      const before = reactor.binding.liveSlots();
      for (const steps of [0, 1, 2, 3]) {
        const pair = await attachedPair();
        const ours = shakeHands(pair.client, { complete: () => closeSlot(pair.client), failed() {} });
        const theirs = shakeHands(pair.server, {
          complete: () => expect.unreachable(),
          failed: () => expect.unreachable(),
        });
        if (steps === 0) theirs.handshake.cancel();
        theirs.handshake.start();
        if (steps === 1) theirs.handshake.cancel();
        ours.handshake.start();
        if (steps === 2) theirs.handshake.cancel();
        if (steps === 3) {
          setImmediate(() => theirs.handshake.cancel());
          await turns(1);
        }
        theirs.handshake.cancel();
        await turns(5);
        await until(() => reactor.binding.liveSlots() <= before + 1);
        await pair.close();
      }
      expect(reactor.binding.liveSlots()).toBe(before);
    });

    it('gives up its place in the queue', async () => {
      const pair = await attachedPair();
      const queue = slowQueue();
      const ours = shakeHands(pair.client, {}, { queue });
      const theirs = shakeHands(pair.server, {}, { queue });
      ours.handshake.start();
      theirs.handshake.start();
      expect(queue.waitingCount).toBe(1);
      theirs.handshake.cancel();
      expect(queue.waitingCount).toBe(0);
      await expect(ours.outcome).rejects.toMatchObject({ code: 'ECONNRESET' });
      await pair.close();
    });

    it('does nothing once the descriptor was handed over', async () => {
      const pair = await attachedPair();
      const [ours, theirs] = [shakeHands(pair.client), shakeHands(pair.server)];
      ours.handshake.start();
      theirs.handshake.start();
      await Promise.all([ours.outcome, theirs.outcome]);
      ours.handshake.cancel();
      theirs.handshake.cancel();
      closeSlot(pair.client);
      closeSlot(pair.server);
      await pair.close();
    });
  });

  it('sends what the kernel has not taken when it has room again', async () => {
    const pair = await attachedPair();
    const { slot, generation } = pair.client;
    const { binding } = nativeTls();
    binding.tlsHandshake(slot, generation);
    const filled = await fillKernel(pair.server);
    const { handshake, outcome } = shakeHands(pair.server);
    handshake.start();
    await turns(10);
    await drainKernel(pair.client, filled);
    while ((binding.tlsHandshake(slot, generation) & TLS_BYTES) !== TLS_COMPLETE) await turns(1);
    expect(await outcome).toBe(false);
    closeSlot(pair.client);
    closeSlot(pair.server);
    await pair.close();
  });

  it('completes only after the kernel has taken its last message', async () => {
    const pair = await attachedPair();
    const { slot, generation } = pair.client;
    const { binding } = nativeTls();
    let rest = -1;
    const { handshake, outcome } = shakeHands(pair.server);
    const completed = outcome.then(() => {
      rest = binding.tlsFlush(pair.server.slot, pair.server.generation);
    });
    handshake.start();
    binding.tlsHandshake(slot, generation);
    await turns(10);
    // After the first flight of the server, and before its tickets. The client takes some of these bytes.
    await fillKernel(pair.server);
    while ((binding.tlsHandshake(slot, generation) & TLS_BYTES) !== TLS_COMPLETE) await turns(1);
    fillAtOnce(pair.server);
    await turns(10);
    const drained = drainKernel(pair.client);
    await completed;
    expect(rest).toBe(0);
    closeSlot(pair.server);
    await drained;
    closeSlot(pair.client);
    await pair.close();
  });

  it('is not watched while it waits in the queue', async () => {
    const { reactor } = nativeTls();
    const queue = slowQueue();
    const pairs = [await attachedPair({ byName: true }), await attachedPair({ byName: true })];
    const watched: number[] = [];
    const servers = pairs.map(({ server }) => {
      const chooseContext = () => {
        watched.push(reactor.stats().descriptors);
        return 0;
      };
      const all = shakeHands(server, { chooseContext }, { queue });
      all.handshake.start();
      return all;
    });
    while (queue.waitingCount > 0) await turns(1);
    await turns(2);
    for (const { client } of pairs)
      expect(nativeTls().binding.tlsHandshake(client.slot, client.generation)).toBe(1);
    await until(() => watched.length === 2);
    expect(watched[1]).toBe((watched[0] as number) - 1);
    for (const { handshake } of servers) handshake.cancel();
    for (const { client, close } of pairs) {
      closeSlot(client);
      await close();
    }
  });

  it('waits without waking the loop', async () => {
    const { reactor } = nativeTls();
    const pair = await attachedPair();
    const { handshake } = shakeHands(pair.server);
    handshake.start();
    await turns(5);
    const { events } = reactor.stats();
    await turns(50);
    expect(reactor.stats().events).toBe(events);
    handshake.cancel();
    closeSlot(pair.client);
    await pair.close();
  });

  it('completes in order while many handshakes share the queue', async () => {
    const pairs = await Promise.all(Array.from({ length: 60 }, () => attachedPair()));
    const started = pairs.flatMap(({ client, server }) => [shakeHands(client), shakeHands(server)]);
    for (const { handshake } of started) handshake.start();
    await Promise.all(started.map(({ outcome }) => outcome));
    expect(nativeTls().queue.waitingCount).toBe(0);
    for (const { client, server, close } of pairs) {
      closeSlot(client);
      closeSlot(server);
      await close();
    }
  });
});
