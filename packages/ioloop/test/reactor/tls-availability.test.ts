import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { IOLoop } from '../../src/index.ts';
import { loadTls, type TlsLoad } from '../../src/reactor/tls-availability.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const { reactor } = IOLoop.current();

describe.runIf(reactor !== undefined)('loadTls', () => {
  const load = (wish: string, nodeOptions = ''): TlsLoad => {
    vi.stubEnv('LANDSPOUT_TLS', wish);
    vi.stubEnv('NODE_OPTIONS', nodeOptions);
    if (reactor === undefined) throw new Error('the portable backend has no reactor');
    return loadTls(reactor.binding);
  };

  it('selects node:tls if the variable says so', () => {
    expect(load('node')).toEqual({ reason: 'LANDSPOUT_TLS=node was set' });
  });

  it('refuses another value of the variable', () => {
    expect(() => load('nod')).toThrow(
      expect.objectContaining({
        name: 'LoopUsageError',
        code: 'ERR_LOOP_BACKEND',
        message: 'LANDSPOUT_TLS must be native, node or empty, not "nod"',
      }),
    );
  });

  it('refuses to go without native TLS if the variable requires it', () => {
    expect(() => load('native', '--tls-keylog=keys.log')).toThrow(
      expect.objectContaining({
        code: 'ERR_LOOP_BACKEND',
        message:
          'LANDSPOUT_TLS=native was set, but native TLS is not available: Node was started with --tls-keylog=keys.log',
      }),
    );
  });

  it('selects node:tls by itself, with the reason, without the variable', () => {
    expect(load('', '--tls-keylog=keys.log')).toEqual({
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
