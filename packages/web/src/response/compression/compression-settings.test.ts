import { inspect } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { AVAILABLE_CODINGS, EncoderPool } from '@landspout/http1/content-coding';
import { describe, expect, it } from 'vitest';
import { type CompressionOptions, compressionSettings } from './compression-settings.ts';

const USAGE = { name: 'WebUsageError', code: 'ERR_WEB_USAGE' };

describe('compressionSettings', () => {
  it('prefers zstd, gzip and br, as far as Node has them', () => {
    const available = ['zstd', 'gzip', 'br'].filter((coding) =>
      (AVAILABLE_CODINGS as string[]).includes(coding),
    );
    const settings = compressionSettings(true);
    expect(settings.codings).toEqual(available);
    expect(settings).toMatchObject({ minBytes: 1_024, maxSyncBytes: 16_384 });
    expect(settings.levels).toEqual({ gzip: 5, deflate: 5, br: 4, zstd: 3 });
    expect(settings.isCompressible('text/html; charset=UTF-8')).toBe(true);
    expect(settings.isCompressible('text/event-stream')).toBe(false);
    expect(settings.isCompressible(undefined)).toBe(false);
  });

  it('does not change afterwards', () => {
    const codings: CompressionOptions['codings'] & unknown[] = ['gzip'];
    const settings = compressionSettings({ codings });
    codings.push('br');
    expect(settings.codings).toEqual(['gzip']);
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.codings)).toBe(true);
    expect(Object.isFrozen(settings.levels)).toBe(true);
  });

  it('keeps what was chosen', () => {
    const settings = compressionSettings({
      codings: ['br', 'gzip'],
      minBytes: 0,
      types: ['text/event-stream'],
      levels: { br: 5 },
      maxSyncBytes: 100,
    });
    expect(settings).toMatchObject({ codings: ['br', 'gzip'], minBytes: 0, maxSyncBytes: 100 });
    expect(settings.levels).toEqual({ gzip: 5, deflate: 5, br: 5, zstd: 3 });
    expect(settings.isCompressible('text/event-stream')).toBe(true);
    expect(settings.isCompressible('text/html')).toBe(false);
  });

  it('shares the limits of the process unless it has its own', () => {
    expect(compressionSettings(true).pool).toBe(EncoderPool.shared);
    expect(compressionSettings({ minBytes: 1 }).pool).toBe(EncoderPool.shared);
    expect(compressionSettings({ maxStreams: 64 }).pool).not.toBe(EncoderPool.shared);
  });

  it.each([
    [{ minByte: 1 }, 'did you mean "minBytes"?'],
    [{ level: 5 }, 'did you mean "levels"?'],
    [{ codings: [] }, 'codings: an array of one or more of'],
    [{ codings: 'gzip' }, 'codings'],
    [{ codings: ['gzip', 'gzip'] }, 'codings'],
    [{ codings: ['GZIP'] }, 'codings'],
    [{ codings: ['identity'] }, 'codings'],
    [{ codings: ['__proto__'] }, 'codings'],
    [{ minBytes: -1 }, 'minBytes'],
    [{ minBytes: 1.5 }, 'minBytes'],
    [{ types: 'text/*' }, 'types: an array of types'],
    [{ types: ['text'] }, 'types'],
    [{ types: [/json/] }, 'types'],
    [{ levels: { gzip: 0 } }, 'levels.gzip: a whole number of 1 to 9'],
    [{ levels: { br: 12 } }, 'levels.br'],
    [{ levels: { zstd: 22 } }, 'levels.zstd'],
    [{ levels: { brotli: 4 } }, 'unknown option "brotli"'],
    [{ levels: 5 }, 'compressResponse'],
    [{ maxConcurrent: 0 }, 'maxConcurrent'],
    [{ maxStreams: -1 }, 'maxStreams'],
    [{ maxWaitingBytes: '1' }, 'maxWaitingBytes'],
    [{ maxSyncBytes: 2 ** 21 }, 'maxSyncBytes'],
    [false, 'compressResponse'],
    [null, 'compressResponse'],
  ])('refuses %j', (options, message) => {
    expect(() => compressionSettings(options as CompressionOptions)).toThrow(
      expect.objectContaining({ ...USAGE, message: expect.stringContaining(message) }),
    );
  });

  it('says which version of Node a coding requires if this one lacks it', () => {
    const hasZstd = AVAILABLE_CODINGS.includes('zstd');
    let problem = '';
    try {
      compressionSettings({ codings: ['zstd', 'gzip'] });
    } catch (error) {
      expect(error).toMatchObject(USAGE);
      problem = (error as Error).message;
    }
    expect(problem).toBe(
      hasZstd
        ? ''
        : `compressResponse: codings: zstd requires Node 22.15 or 23.8, or a later release; this is ${process.version}`,
    );
  });

  it('encodes with its level, and opens encoders within its limits', () => {
    const settings = compressionSettings({ levels: { gzip: 9 }, maxStreams: 1, maxConcurrent: 1 });
    expect(gunzipSync(settings.encode('gzip', 'text')).toString()).toBe('text');
    const sink = { take() {}, ended() {}, failed() {} };
    const encoder = settings.tryOpen('gzip', sink, 0);
    expect(settings.tryOpen('gzip', sink, 0)).toBeUndefined();
    encoder?.abort();
    expect(settings.pool.streams).toBe(0);
  });

  it('shows its options and what is in use', () => {
    const shown = inspect(compressionSettings({ codings: ['gzip'] }), {
      breakLength: Number.POSITIVE_INFINITY,
    });
    expect(shown).toContain("CompressionSettings { codings: [ 'gzip' ], minBytes: 1024, levels: {");
    expect(shown).toContain('pool: EncoderPool { running: 0');
  });
});
