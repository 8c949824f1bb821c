import { describe, expect, it } from 'vitest';
import { ProgressLine, progressText, sizeText } from './progress-line.ts';

const MIB = 1024 * 1024;

describe('progressText', () => {
  it('shows percent, a bar, bytes and the rate', () => {
    expect(progressText({ receivedBytes: 3 * MIB, totalBytes: 4 * MIB }, 2_000, 80)).toBe(
      ' 75% [##############################          ] 3.0 MiB of 4.0 MiB, 1.5 MiB/s',
    );
  });

  it('shows bytes and the rate if the length is unknown', () => {
    expect(progressText({ receivedBytes: 1536, totalBytes: undefined }, 1_000, 80)).toBe(
      '1.5 KiB, 1.5 KiB/s',
    );
  });

  it.each([80, 60, 40, 20, 5])('is shorter than a terminal of %i columns', (columns) => {
    const text = progressText({ receivedBytes: 1023, totalBytes: 1024 ** 5 }, 1, columns);
    expect(text.length).toBeLessThan(columns);
  });

  it('stays at 100% if more bytes arrive than were announced', () => {
    expect(progressText({ receivedBytes: 20, totalBytes: 10 }, 0, 30)).toMatch(/^100% /);
  });
});

describe('sizeText', () => {
  it.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1.0 KiB'],
    [1024 * 1024 - 1, '1.0 MiB'],
    [1.5 * 1024 ** 3, '1.5 GiB'],
    [1024 ** 7, '1048576.0 PiB'],
  ])('formats %d bytes as %s', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text);
  });
});

describe('ProgressLine', () => {
  function line(columns = 40) {
    let now = 0;
    const written: string[] = [];
    const terminal = { columns, write: (text: string) => written.push(text) };
    const progress = new ProgressLine(terminal, () => now);
    return { progress, written, wait: (ms: number) => (now += ms) };
  }

  it('redraws its line at most ten times per second', () => {
    const { progress, written, wait } = line();
    for (let receivedBytes = 1; receivedBytes <= 100; receivedBytes += 1) {
      progress.show({ receivedBytes, totalBytes: 100 });
      wait(10);
    }
    expect(written).toHaveLength(10);
    expect(written.every((text) => text.startsWith('\r\x1b[2K') && !text.includes('\n'))).toBe(true);
  });

  it('ends with the last state and a line break', () => {
    const { progress, written } = line();
    progress.show({ receivedBytes: 1, totalBytes: 2 });
    progress.show({ receivedBytes: 2, totalBytes: 2 });
    progress.end();
    expect(written.join('')).toMatch(/100% .*\n$/);
  });

  it('assumes 80 columns if the terminal does not know its size', () => {
    const { progress, written } = line(0);
    progress.show({ receivedBytes: 1, totalBytes: 2 });
    expect(written.join('')).toMatch(/ 50% \[#{20} {20}\] 1 bytes of 2 bytes$/);
  });

  it('writes nothing if nothing was received', () => {
    const { progress, written } = line();
    progress.end();
    expect(written).toEqual([]);
  });
});
