import { describe, expect, it } from 'vitest';
import { missingPeer } from './peer.ts';

const notFound = (name: string): Error =>
  Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' });

describe('missingPeer', () => {
  it('names the package and the command that installs it', () => {
    const cause = notFound('@opentelemetry/api');
    expect(missingPeer(cause)).toMatchObject({
      code: 'ERR_TRACING_MISSING_PEER',
      message: expect.stringMatching(/which is not installed: npm i @opentelemetry\/api$/),
      cause,
    });
  });

  it('distinguishes a package that is installed but cannot be loaded', () => {
    for (const cause of [notFound('something-else'), new SyntaxError('bad'), 'text'])
      expect(missingPeer(cause).message).toContain('which could not be loaded');
  });
});
