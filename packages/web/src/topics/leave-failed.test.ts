import { describe, expect, it } from 'vitest';
import { leaveFailed } from './leave-failed.ts';

describe('leaveFailed', () => {
  it.each([
    ['debug', Object.assign(new Error('the backplane is away'), { code: 'ERR_TOPICS_UNAVAILABLE' })],
    ['error', new Error('a bug')],
    ['error', undefined],
  ])('logs at the level %s for %s', (expected, error) => {
    const logged: string[] = [];
    leaveFailed({ debug: () => logged.push('debug'), error: () => logged.push('error') }, error);
    expect(logged).toEqual([expected]);
  });
});
