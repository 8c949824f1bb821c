import { afterEach, describe, expect, it, vi } from 'vitest';
import { consoleLogger } from '../src/index.ts';

describe('consoleLogger', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** What one call writes to standard error. */
  function written(log: () => void): string {
    let text = '';
    vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
      text += String(chunk);
      return true;
    });
    log();
    return text;
  }

  it('writes one record, and text from a peer can neither forge a second one nor move the cursor [ATT-40] [LG-01]', () => {
    const text = written(() =>
      consoleLogger.info({ error: new Error('bad\n[E now] forged\r\u001b[2J\u2028x') }, 'refused'),
    );
    expect(text).toMatch(/^\[I \d{4}-[^\]]+\] refused: bad\n {4}\[E now\] forged\\x0d\\x1b\[2J\\x2028x\n$/);
  });

  it('adds the stack of an error that is our own', () => {
    expect(written(() => consoleLogger.error({ error: new Error('a bug') }, 'failed'))).toMatch(
      /^\[E [^\]]+\] failed\n {4}Error: a bug\n {8}at /,
    );
  });
});
