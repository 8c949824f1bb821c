import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

function readerOf(bytes: Uint8Array): ByteReader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new ByteReader(buffer, 0, buffer.length);
}

describe('ByteWriter', () => {
  it('writes what a reader reads', () => {
    const writer = new ByteWriter();
    writer.u8(7);
    writer.u32(2 ** 32 - 1);
    writer.f64(-0.5);
    writer.text('né😀');
    writer.bytes(Uint8Array.of(0, 255));
    const reader = readerOf(writer.written());
    expect([reader.u8(), reader.u32(), reader.f64(), reader.text()]).toEqual([7, 2 ** 32 - 1, -0.5, 'né😀']);
    expect(reader.bytes()).toEqual(Uint8Array.of(0, 255));
  });

  it('never writes again to what was taken', () => {
    const writer = new ByteWriter();
    const taken: { readonly bytes: Buffer; readonly text: string }[] = [];
    for (const length of [0, 1, 10, 5000, 100_000, 3, 60_000, 60_000, 1]) {
      const text = String(length % 10).repeat(length);
      writer.text('dropped');
      writer.reset();
      writer.text(text);
      taken.push({ bytes: writer.take(), text });
      expect(writer.length).toBe(0);
    }
    for (const { bytes, text } of taken) expect(readerOf(bytes).text()).toBe(text);
  });

  it('keeps what was written when it grows after something was taken', () => {
    const writer = new ByteWriter();
    writer.text('x'.repeat(50_000));
    writer.take();
    writer.u32(1);
    writer.text('y'.repeat(50_000));
    writer.putU32(2, 0);
    const length = writer.length;
    writer.text('cut');
    writer.cutTo(length);
    const reader = readerOf(writer.take());
    expect([reader.u32(), reader.text().length]).toEqual([2, 50_000]);
    expect(() => reader.u8()).toThrow(RangeError);
  });

  it.each(['x', '\u{10ffff}', '\uffff', 'é'])('writes long texts of %j', (unit) => {
    const writer = new ByteWriter();
    const text = unit.repeat(100_000);
    writer.text(text);
    expect(readerOf(writer.take()).text()).toBe(text);
  });
});
