import { describe, expect, it } from 'vitest';
import { WebUsageError } from './errors.ts';
import { missingPeer } from './missing-peer.ts';

function notFound(packageName: string): Error {
  const error = new Error(`Cannot find package '${packageName}' imported from /app/index.js`);
  return Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
}

describe('missingPeer', () => {
  it('names the package and the command that installs it', () => {
    const cause = notFound('linkify-it');
    const error = missingPeer('linkify-it', cause);
    expect(error).toBeInstanceOf(WebUsageError);
    expect([error.code, error.message, error.cause]).toEqual([
      'ERR_WEB_MISSING_PEER',
      '@landspout/web/linkify requires the package linkify-it, which is not installed: npm i linkify-it',
      cause,
    ]);
  });

  it.each([notFound('uc.micro'), new SyntaxError('broken'), 'text', undefined])(
    'does not call a package missing that failed for another reason: %s',
    (cause) => {
      expect(missingPeer('eta', cause).message).toBe(
        '@landspout/web/eta requires the package eta, which could not be loaded: npm i eta',
      );
    },
  );
});
