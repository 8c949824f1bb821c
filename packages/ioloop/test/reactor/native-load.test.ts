import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

// Each test loads the module afresh, as a new thread would.
beforeEach(() => {
  vi.resetModules();
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe('loadNative', () => {
  it('says that the variable asked for the portable backend', async () => {
    vi.stubEnv('LANDSPOUT_BACKEND', 'portable');
    const { loadNative } = await import('../../src/reactor/backend.ts');
    expect(loadNative()).toEqual({ reason: 'LANDSPOUT_BACKEND=portable was set' });
  });

  it('gives the same answer again, whatever the variable says later', async () => {
    vi.stubEnv('LANDSPOUT_BACKEND', 'portable');
    const { loadNative } = await import('../../src/reactor/backend.ts');
    const first = loadNative();
    vi.stubEnv('LANDSPOUT_BACKEND', 'native');
    expect(loadNative()).toBe(first);
  });

  it('refuses a backend that does not exist', async () => {
    vi.stubEnv('LANDSPOUT_BACKEND', 'iouring');
    const { loadNative } = await import('../../src/reactor/backend.ts');
    const refusal = {
      name: 'LoopUsageError',
      code: 'ERR_LOOP_BACKEND',
      message: expect.stringContaining('iouring'),
    };
    expect(loadNative).toThrow(expect.objectContaining(refusal));
    expect(loadNative, 'a second time too').toThrow(expect.objectContaining(refusal));
  });

  it('names a platform that has no epoll', async () => {
    vi.stubEnv('LANDSPOUT_BACKEND', '');
    vi.spyOn(process, 'platform', 'get').mockReturnValue('darwin');
    const { loadNative } = await import('../../src/reactor/backend.ts');
    expect(loadNative()).toEqual({ reason: 'platform darwin has no epoll' });
  });

  it('names Deno, whose addons have no libuv', async () => {
    vi.stubEnv('LANDSPOUT_BACKEND', '');
    vi.stubGlobal('Deno', {});
    const { loadNative } = await import('../../src/reactor/backend.ts');
    expect(loadNative()).toEqual({ reason: expect.stringMatching(/^Deno /) });
  });

  it('names the binary that is missing', async () => {
    vi.stubEnv('LANDSPOUT_BACKEND', '');
    vi.spyOn(process, 'arch', 'get').mockReturnValue('s390x');
    vi.spyOn(process, 'platform', 'get').mockReturnValue('linux');
    const { loadNative } = await import('../../src/reactor/backend.ts');
    expect(loadNative()).toEqual({ reason: expect.stringMatching(/no binary for linux-s390x-(gnu|musl)/) });
  });

  it('throws when native is asked for and cannot be had', async () => {
    vi.stubEnv('LANDSPOUT_BACKEND', 'native');
    vi.spyOn(process, 'platform', 'get').mockReturnValue('win32');
    const { loadNative } = await import('../../src/reactor/backend.ts');
    const refusal = { code: 'ERR_LOOP_BACKEND', message: expect.stringContaining('win32') };
    expect(loadNative).toThrow(expect.objectContaining(refusal));
  });
});

describe('requireNative', () => {
  it('names the operation and the reason', async () => {
    vi.stubEnv('LANDSPOUT_BACKEND', 'portable');
    const { requireNative } = await import('../../src/reactor/backend.ts');
    const refusal = {
      name: 'LoopUsageError',
      code: 'ERR_LOOP_NOT_SUPPORTED',
      message: expect.stringMatching(/^DefaultSelector needs the native backend.*LANDSPOUT_BACKEND=portable/),
    };
    expect(() => requireNative('DefaultSelector')).toThrow(expect.objectContaining(refusal));
  });
});
