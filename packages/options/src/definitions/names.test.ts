import { describe, expect, it } from 'vitest';
import { environmentName, flagName } from './names.ts';

describe('flagName', () => {
  it.each([
    ['port', 'port'],
    ['maxBodySize', 'max-body-size'],
    ['max_body_size', 'max-body-size'],
    ['max-body-size', 'max-body-size'],
    ['maxURLLength', 'max-url-length'],
    ['baseURL', 'base-url'],
    ['http2', 'http2'],
    ['ipV6Only', 'ip-v6-only'],
    ['PORT', 'port'],
  ])('makes %s the name %s [OP-01]', (name, flag) => {
    expect(flagName(name)).toBe(flag);
    expect(flagName(flag)).toBe(flag);
  });
});

describe('environmentName', () => {
  it('puts the prefix before the name in capitals', () => {
    expect(environmentName('APP', 'max-body-size')).toBe('APP_MAX_BODY_SIZE');
    expect(environmentName('APP_', 'port')).toBe('APP_PORT');
    expect(environmentName('', 'port')).toBe('PORT');
  });
});
