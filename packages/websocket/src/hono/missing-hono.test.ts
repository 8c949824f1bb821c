import { describe, expect, it } from 'vitest';
import { WebSocketUsageError } from '../protocol/index.ts';
import { missingHono } from './missing-hono.ts';

function notFound(packageName: string): Error {
  const error = new Error(`Cannot find package '${packageName}' imported from /app/index.js`);
  return Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
}

describe('missingHono', () => {
  it('names the package and the command that installs it', () => {
    const cause = notFound('hono');
    const error = missingHono(cause);
    expect(error).toBeInstanceOf(WebSocketUsageError);
    expect([error.code, error.cause]).toEqual(['ERR_WEBSOCKET_MISSING_PEER', cause]);
    expect(error.message).toMatch(
      /^@landspout\/websocket\/hono requires the package hono, which is not installed: npm i hono \(/,
    );
  });

  it.each([notFound('other'), new SyntaxError('broken'), 'text', undefined])(
    'does not call the package missing if it failed for another reason: %s',
    (cause) => {
      expect(missingHono(cause).message).toContain('which could not be loaded: npm i hono');
    },
  );
});
