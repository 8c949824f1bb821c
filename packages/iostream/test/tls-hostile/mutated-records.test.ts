import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { makeCredentials } from './mutations/credentials.ts';
import { MutationRun } from './mutations/mutation-run.ts';

/** `pnpm fuzz tls` is the long form. */
const CONNECTIONS = 1_500;

describe('native TLS and mutated records', () => {
  it.each([1, 2])(
    'fails or goes on, and delivers nothing that was not sent: seed %s [STR-15]',
    { timeout: 120_000 },
    (seed) => {
      const { reactor, tlsReason } = IOLoop.current();
      if (reactor === undefined || 'reason' in reactor.tls) {
        expect(tlsReason).not.toBe('');
        return;
      }
      const run = new MutationRun(reactor.binding, reactor.tls.binding, makeCredentials(), seed);
      for (let count = 0; count < CONNECTIONS; count += 1) run.runConnection();
      run.close();
      const { mutated, completed, reasons } = run.tally;
      // Otherwise the mutations would be too wild, or too tame, to get anywhere.
      expect(mutated).toBeGreaterThan(CONNECTIONS);
      expect(completed).toBeGreaterThan(CONNECTIONS / 10);
      expect(reasons.size).toBeGreaterThan(30);
    },
  );
});
