import { describe, expect, it } from 'vitest';
import { PassedSockets } from './systemd.ts';

const PID = 4711;
const read = (env: NodeJS.ProcessEnv): PassedSockets => PassedSockets.read(env, PID, true);

describe('PassedSockets', () => {
  it('counts from descriptor 3, and knows the names', () => {
    const env = { LISTEN_PID: '4711', LISTEN_FDS: '3', LISTEN_FDNAMES: 'web:admin:web' };
    expect(read(env).remaining).toEqual([
      { fd: 3, name: 'web' },
      { fd: 4, name: 'admin' },
      { fd: 5, name: 'web' },
    ]);
  });

  it('calls them unknown where nothing names them, as sd_listen_fds_with_names does', () => {
    expect(read({ LISTEN_PID: '4711', LISTEN_FDS: '1' }).remaining).toEqual([{ fd: 3, name: 'unknown' }]);
  });

  it('removes its variables from the environment, and no others', () => {
    const env = {
      LISTEN_PID: '4711',
      LISTEN_FDS: '1',
      LISTEN_FDNAMES: 'a',
      LISTEN_PIDFDID: '1',
      PATH: '/bin',
    };
    read(env);
    expect(env).toEqual({ PATH: '/bin' });
  });

  it('removes them also when they are for another process', () => {
    const env = { LISTEN_PID: '4712', LISTEN_FDS: '1', LISTEN_FDNAMES: 'a' };
    expect(() => read(env)).toThrow(expect.objectContaining({ code: 'ERR_LISTEN_NOT_ACTIVATED' }));
    expect(env).toEqual({});
  });

  it.each([{}, { LISTEN_FDNAMES: 'a' }, { LISTEN_PID: '4711', LISTEN_FDS: '0' }])(
    'says that %j passes no sockets',
    (env) => {
      expect(() => read({ ...env })).toThrow(expect.objectContaining({ code: 'ERR_LISTEN_NOT_ACTIVATED' }));
    },
  );

  it.each([
    { LISTEN_PID: '4711' },
    { LISTEN_FDS: '1' },
    { LISTEN_PID: '4711', LISTEN_FDS: '' },
    { LISTEN_PID: '4711', LISTEN_FDS: '-1' },
    { LISTEN_PID: '4711', LISTEN_FDS: '1.0' },
    { LISTEN_PID: '4711', LISTEN_FDS: '0x1' },
    { LISTEN_PID: '4711', LISTEN_FDS: '4097' },
    { LISTEN_PID: ' 4711', LISTEN_FDS: '1' },
    { LISTEN_PID: '4711', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a' },
    { LISTEN_PID: '4711', LISTEN_FDS: '1', LISTEN_FDNAMES: 'a:b' },
  ])('refuses %j', (env) => {
    expect(() => read({ ...env })).toThrow(expect.objectContaining({ code: 'ERR_LISTEN_ACTIVATION' }));
  });

  it('refuses to give the descriptors of a process to two of its threads', () => {
    const env = { LISTEN_PID: '4711', LISTEN_FDS: '1' };
    expect(() => PassedSockets.read(env, PID, false)).toThrow(
      expect.objectContaining({ code: 'ERR_LISTEN_ACTIVATION' }),
    );
  });

  it('gives each socket once, by name or all that are left', () => {
    const passed = read({ LISTEN_PID: '4711', LISTEN_FDS: '3', LISTEN_FDNAMES: 'web:admin:web' });
    expect(passed.take('web')).toEqual([3, 5]);
    expect(() => passed.take('web')).toThrow(expect.objectContaining({ code: 'ERR_LISTEN_ACTIVATION' }));
    expect(passed.take(true)).toEqual([4]);
    expect(() => passed.take(true)).toThrow(expect.objectContaining({ code: 'ERR_LISTEN_NOT_ACTIVATED' }));
    expect(() => passed.take('admin')).toThrow(expect.objectContaining({ code: 'ERR_LISTEN_NOT_ACTIVATED' }));
  });
});
