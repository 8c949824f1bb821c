import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { IOStream } from '../../src/index.ts';

/** A Duplex whose writes last until they are completed, or until it is destroyed. */
class SlowWriter extends Duplex {
  complete: ((error?: Error | null) => void) | undefined;

  override _read(): void {}

  override _write(_chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.complete = done;
  }
}

describe('IOStream, after a write that failed', () => {
  it('has bytes in flight: those of which some may have been sent [STR-12]', async () => {
    const duplex = new SlowWriter();
    const stream = IOStream.fromDuplex(duplex);
    const written = stream.write('sent');
    stream.flush();
    expect([stream.bytesInFlight, stream.bytesSent]).toEqual([4, 0]);
    duplex.complete?.();
    await written;
    expect([stream.bytesInFlight, stream.bytesSent]).toEqual([0, 4]);

    stream.write('perhaps').catch(() => {});
    stream.flush();
    duplex.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET', errno: -104, syscall: 'write' }));
    await stream.waitClosed();
    expect([stream.bytesInFlight, stream.bytesSent]).toEqual([7, 4]);
  });

  it('keeps the bytes in flight if the write reports its failure [STR-12]', async () => {
    const duplex = new SlowWriter();
    const stream = IOStream.fromDuplex(duplex);
    stream.write('perhaps').catch(() => {});
    stream.flush();
    duplex.complete?.(Object.assign(new Error('broken'), { code: 'EPIPE', errno: -32, syscall: 'write' }));
    await stream.waitClosed();
    expect([stream.bytesInFlight, stream.bytesSent]).toEqual([7, 0]);
  });
});
