import { describe, expect, it } from 'vitest';
import { resolveCompressionOptions } from '../../src/compression/compression-options.ts';
import { CompressionPool } from '../../src/index.ts';

describe('resolveCompressionOptions', () => {
  it('is off for false and undefined, and has all defaults for true [WS-17]', () => {
    expect(resolveCompressionOptions(undefined)).toBeUndefined();
    expect(resolveCompressionOptions(false)).toBeUndefined();
    const defaults = {
      contextTakeover: false,
      level: 6,
      memLevel: 8,
      maxWindowBits: 15,
      peerMaxWindowBits: 15,
      thresholdBytes: 128,
      pool: CompressionPool.shared,
    };
    expect(resolveCompressionOptions(true)).toEqual(defaults);
    expect(resolveCompressionOptions({})).toEqual(defaults);
  });

  it('keeps what is given [WS-17]', () => {
    const options = {
      contextTakeover: true,
      level: 0,
      memLevel: 9,
      maxWindowBits: 9,
      peerMaxWindowBits: 12,
      thresholdBytes: 0,
      pool: new CompressionPool(),
    };
    expect(resolveCompressionOptions(options)).toEqual(options);
  });

  it.each<[string, unknown]>([
    ['unknown option "windowBits"', { windowBits: 15 }],
    ['did you mean "thresholdBytes"', { threshold: 1024 }],
    ['contextTakeover', { contextTakeover: 1 }],
    ['level', { level: 10 }],
    ['level', { level: -1 }],
    ['memLevel', { memLevel: 0 }],
    ['maxWindowBits', { maxWindowBits: 8 }],
    ['peerMaxWindowBits', { peerMaxWindowBits: 16 }],
    ['thresholdBytes', { thresholdBytes: '1kb' }],
    ['pool', { pool: {} }],
    ['compression', 'yes'],
    ['compression', null],
    ['an object of options', []],
  ])('refuses with a message about %j: %j', (part, options) => {
    const resolve = () => resolveCompressionOptions(options as object);
    expect(resolve).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION', message: expect.stringContaining(part) }),
    );
  });
});
