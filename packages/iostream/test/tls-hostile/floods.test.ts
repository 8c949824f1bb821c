import { describe, expect, it } from 'vitest';
import { isNative, SIDE_CASES, SIDE_NAMES, setUpEchoEnds } from './support/echo-cases.ts';
import type { EchoEnd } from './support/echo-ends.ts';
import { RECORD } from './support/records.ts';

const openEnd = setUpEchoEnds();

/** More than any peer has a reason for. */
const FLOOD = 2_000;
const CLIENT_HELLO = 1;
const HELLO_REQUEST = Buffer.from([0, 0, 0, 0]);
const USER_CANCELED = Buffer.from([1, 90]);
const NO_RENEGOTIATION = Buffer.from([1, 100]);

async function expectEcho({ intruder }: EchoEnd): Promise<void> {
  intruder.send(RECORD.data, 'still here\n');
  expect((await intruder.nextData())?.plaintext.toString()).toBe('still here\n');
}

/** Reads until the end that the stream under test has made. */
async function untilCut({ intruder, stream }: EchoEnd): Promise<void> {
  while ((await intruder.next()) !== undefined);
  await stream.waitClosed();
}

/** Sends as much as is taken: the other end may have closed long before. */
function flood(end: EchoEnd, record: () => Buffer, count = FLOOD): void {
  end.intruder.sendBytes(Buffer.concat(Array.from({ length: count }, record)));
}

describe.each(SIDE_NAMES)('a %s of TLS 1.3', (side) => {
  it('goes on after some key updates, asked for and not, with data in between [STR-15]', async () => {
    await using end = await openEnd(side, 'TLSv1.3');
    for (const isRequested of [true, false, true, true]) {
      end.intruder.sendBytes(end.intruder.sealedKeyUpdate(isRequested));
      await expectEcho(end);
    }
  });

  it('goes on after several key updates at once [STR-15]', async () => {
    await using end = await openEnd(side, 'TLSv1.3');
    flood(end, () => end.intruder.sealedKeyUpdate(true), 10);
    await expectEcho(end);
    await expectEcho(end);
  });

  it.each([true, false])(
    'closes at a flood of key updates where TLS is native, requested: %s [STR-15]',
    async (isRequested) => {
      await using end = await openEnd(side, 'TLSv1.3');
      flood(end, () => end.intruder.sealedKeyUpdate(isRequested));
      if (isNative()) {
        await untilCut(end);
        expect(end.stream.error).toMatchObject({ reason: 'too many handshake messages' });
      } else {
        await expectEcho(end);
      }
    },
  );

  it('closes where TLS is native if key updates never stop, however slowly they come [STR-15]', async () => {
    await using end = await openEnd(side, 'TLSv1.3');
    // With data after each few, so that they arrive at different times.
    for (let batch = 0; batch < FLOOD / 10 && !end.stream.isClosed; batch += 1) {
      flood(end, () => end.intruder.sealedKeyUpdate(false), 10);
      end.intruder.send(RECORD.data, 'still here\n');
      if ((await end.intruder.nextData()) === undefined) break;
    }
    expect(end.stream.isClosed).toBe(isNative());
  });
});

describe.each(SIDE_CASES)('a %s of %s', (side, version) => {
  const open = () => openEnd(side, version);

  it('goes on after a few empty records [STR-15]', async () => {
    await using end = await open();
    flood(end, () => end.intruder.sealed(RECORD.data, Buffer.alloc(0)), 10);
    await expectEcho(end);
  });

  it('closes at a flood of empty records [STR-15]', async () => {
    await using end = await open();
    flood(end, () => end.intruder.sealed(RECORD.data, Buffer.alloc(0)));
    await untilCut(end);
    expect(end.stream.error).toMatchObject({ code: expect.stringMatching(/^ERR_SSL_/) });
  });

  it('closes at a flood of warnings [STR-15]', async () => {
    await using end = await open();
    flood(end, () => end.intruder.sealed(RECORD.alert, USER_CANCELED), 100);
    await untilCut(end);
    expect(end.stream.error).toMatchObject({ code: expect.stringMatching(/^ERR_SSL_/) });
  });
});

describe('TCPServer and renegotiation in TLS 1.2', () => {
  /** The start of a handshake, as the message that asks for another one. */
  const hello = (): Buffer => {
    const body = Buffer.concat([
      Buffer.from([3, 3]),
      Buffer.alloc(32, 7),
      Buffer.from([0, 0, 2, 0xc0, 0x2b, 1, 0]),
    ]);
    return Buffer.concat([Buffer.from([CLIENT_HELLO, 0, 0, body.length]), body]);
  };

  it('refuses it: natively with an alert, and serves on [STR-15]', async () => {
    await using end = await openEnd('server', 'TLSv1.2');
    end.intruder.send(RECORD.handshake, hello());
    if (isNative()) {
      expect(await end.intruder.nextData()).toEqual({ type: RECORD.alert, plaintext: NO_RENEGOTIATION });
      await expectEcho(end);
    } else {
      await untilCut(end);
    }
  });

  it('closes at a flood of attempts [STR-15]', async () => {
    await using end = await openEnd('server', 'TLSv1.2');
    flood(end, () => end.intruder.sealed(RECORD.handshake, hello()));
    await untilCut(end);
    expect(end.stream.error).toBeInstanceOf(Error);
  });
});

describe('TCPClient and renegotiation in TLS 1.2', () => {
  it('refuses it, and goes on where TLS is native [STR-15]', async () => {
    await using end = await openEnd('client', 'TLSv1.2');
    end.intruder.send(RECORD.handshake, HELLO_REQUEST);
    if (isNative()) {
      expect(await end.intruder.nextData()).toEqual({ type: RECORD.alert, plaintext: NO_RENEGOTIATION });
      await expectEcho(end);
    }
  });

  it('closes at a flood of requests where TLS is native [STR-15]', async () => {
    await using end = await openEnd('client', 'TLSv1.2');
    flood(end, () => end.intruder.sealed(RECORD.handshake, HELLO_REQUEST));
    if (isNative()) {
      await untilCut(end);
      expect(end.stream.error).toMatchObject({ reason: 'too many handshake messages' });
    }
  });
});
