import { describe, expect, it } from 'vitest';
import { isNative, SIDE_CASES, SIDE_NAMES, setUpEchoEnds } from './support/echo-cases.ts';
import type { EchoEnd } from './support/echo-ends.ts';
import type { Intruder } from './support/intruder.ts';
import { RECORD, recordOf } from './support/records.ts';

const openEnd = setUpEchoEnds();

const KEY_UPDATE = 24;
const MOST_RECORD_BYTES = 16_384;

/** [what it is, how it is sent] */
const INVALID: readonly [name: string, send: (intruder: Intruder) => void][] = [
  [
    'a record that was encrypted with other keys',
    (intruder) => intruder.sendBytes(recordOf(RECORD.data, Buffer.alloc(64))),
  ],
  [
    'a record with one bit changed',
    (intruder) => {
      const record = intruder.sealed(RECORD.data, Buffer.from('a line\n'));
      record[record.length - 1] = (record.at(-1) as number) ^ 1;
      intruder.sendBytes(record);
    },
  ],
  [
    'the same record twice',
    (intruder) => {
      const record = intruder.sealed(RECORD.data, Buffer.from('a line'));
      intruder.sendBytes(Buffer.concat([record, record]));
    },
  ],
  [
    'a record without the one before it',
    (intruder) => {
      intruder.sealed(RECORD.data, Buffer.from('left out'));
      intruder.send(RECORD.data, 'a line\n');
    },
  ],
  [
    'a record that is too long',
    (intruder) => intruder.sendBytes(recordOf(RECORD.data, Buffer.alloc(MOST_RECORD_BYTES + 300))),
  ],
  [
    'a record with too many bytes in it',
    (intruder) => intruder.send(RECORD.data, Buffer.alloc(MOST_RECORD_BYTES + 1)),
  ],
  ['a record of an unknown type', (intruder) => intruder.send(99, 'what is this')],
  [
    'a Finished message',
    (intruder) => intruder.send(RECORD.handshake, Buffer.from([20, 0, 0, 12, ...Array(12).fill(7)])),
  ],
  [
    'a Certificate message',
    (intruder) => intruder.send(RECORD.handshake, Buffer.from([11, 0, 0, 3, 0, 0, 0])),
  ],
  ['a message of an unknown type', (intruder) => intruder.send(RECORD.handshake, Buffer.from([77, 0, 0, 0]))],
  [
    'an announced message of 16 MiB',
    (intruder) => intruder.send(RECORD.handshake, Buffer.from([4, 255, 255, 255])),
  ],
  ['a fatal alert', (intruder) => intruder.send(RECORD.alert, Buffer.from([2, 80]))],
  ['an alert that is too long', (intruder) => intruder.send(RECORD.alert, Buffer.from([1, 0, 0]))],
  ['plain text', (intruder) => intruder.sendBytes(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'))],
];

describe.each(SIDE_CASES)('a %s of %s', (side, version) => {
  it.each(INVALID)('closes with an error at %s, and delivers nothing of it [STR-15]', async (_name, send) => {
    await using end = await openEnd(side, version);
    send(end.intruder);
    await end.stream.waitClosed();
    expect(end.stream.error).toMatchObject({
      code: expect.stringMatching(/^(ERR_SSL|ERR_STREAM|ERR_TLS|EPROTO)/),
    });
    expect(end.stream.closeReason).toBe('error');
    expect(end.stream.bytesReceived).toBeLessThan('a line\n'.length);
  });

  it('is told the reason of an invalid record by an alert, where TLS is native [STR-15]', async () => {
    await using end = await openEnd(side, version);
    end.intruder.sendBytes(recordOf(RECORD.data, Buffer.alloc(64)));
    const alert = await end.intruder.nextData();
    if (isNative()) expect(alert).toEqual({ type: RECORD.alert, plaintext: Buffer.of(2, 20) });
    await end.stream.waitClosed();
  });
});

describe.each(SIDE_NAMES)('a %s of TLS 1.3', (side) => {
  /** What is sent before the rest of the message, in one piece with it. */
  async function withIncompleteMessage(end: EchoEnd, before: string): Promise<void> {
    const { intruder } = end;
    const line = intruder.sealed(RECORD.data, Buffer.from(before));
    const header = intruder.sealed(RECORD.handshake, Buffer.of(KEY_UPDATE, 0, 0, 1));
    intruder.sendBytes(Buffer.concat([line, header]));
    while (end.stream.bytesReceived < before.length) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  it('writes what it has to, although a message after the handshake is incomplete meanwhile [STR-15]', async () => {
    await using end = await openEnd(side, 'TLSv1.3');
    // The echo is written while the second part is missing.
    await withIncompleteMessage(end, 'a line\n');
    end.intruder.send(RECORD.handshake, Buffer.of(0));
    expect((await end.intruder.nextData())?.plaintext.toString()).toBe('a line\n');
  });

  it('closes at an invalid key update [STR-15]', async () => {
    await using end = await openEnd(side, 'TLSv1.3');
    end.intruder.send(RECORD.handshake, Buffer.of(KEY_UPDATE, 0, 0, 1, 2));
    await end.stream.waitClosed();
    expect(end.stream.error).toMatchObject({ code: expect.stringMatching(/^ERR_SSL_/) });
  });

  it('closes at a record of nothing but padding [STR-15]', async () => {
    await using end = await openEnd(side, 'TLSv1.3');
    end.intruder.send(0, Buffer.alloc(100));
    await end.stream.waitClosed();
    expect(end.stream.error).toMatchObject({ code: expect.stringMatching(/^ERR_SSL_/) });
  });
});
