import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { IOLoop } from '../../src/index.ts';
import type { NativeBinding } from '../../src/reactor/native-binding.ts';
import { loadTls, type TlsLoad } from '../../src/reactor/tls-availability.ts';
import { nativeIt } from '../fixtures/native-case.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const { reactor } = IOLoop.current();

describe('loadTls', () => {
  const load = (binding: NativeBinding, wish: string, nodeOptions = ''): TlsLoad => {
    vi.stubEnv('LANDSPOUT_TLS', wish);
    vi.stubEnv('NODE_OPTIONS', nodeOptions);
    return loadTls(binding);
  };

  nativeIt('selects node:tls if the variable says so', (binding) => {
    expect(load(binding, 'node')).toEqual({ reason: 'LANDSPOUT_TLS=node was set' });
  });

  nativeIt('refuses another value of the variable', (binding) => {
    expect(() => load(binding, 'nod')).toThrow(
      expect.objectContaining({
        name: 'LoopUsageError',
        code: 'ERR_LOOP_BACKEND',
        message: 'LANDSPOUT_TLS must be native, node or empty, not "nod"',
      }),
    );
  });

  nativeIt('refuses to go without native TLS if the variable requires it', (binding) => {
    expect(() => load(binding, 'native', '--tls-keylog=keys.log')).toThrow(
      expect.objectContaining({
        code: 'ERR_LOOP_BACKEND',
        message:
          'LANDSPOUT_TLS=native was set, but native TLS is not available: Node was started with --tls-keylog=keys.log',
      }),
    );
  });

  nativeIt('selects node:tls by itself, with the reason, without the variable', (binding) => {
    expect(load(binding, '', '--tls-keylog=keys.log')).toEqual({
      reason: 'Node was started with --tls-keylog=keys.log',
    });
  });
});

describe('inspecting a loop', () => {
  it('shows which TLS it uses and why, without deciding it', () => {
    const loop = IOLoop.current();
    if (reactor !== undefined) expect(inspect(loop)).toContain("tls: 'not used yet'");
    const { tls, tlsReason } = loop;
    expect(inspect(loop)).toContain(`tls: '${tls}'`);
    expect(inspect(loop)).toContain(tlsReason);
  });
});
