import { describe, expect, it } from 'vitest';
import { fullUrl, requestHost, targetPath, targetQuery } from './request-target.ts';

describe('targetPath, targetQuery and fullUrl', () => {
  it.each([
    ['/a%20b/../c?x=1?2', '/a%20b/../c', 'x=1?2', 'https://h:1/a%20b/../c?x=1?2'],
    ['/', '/', '', 'https://h:1/'],
    ['/?', '/', '', 'https://h:1/?'],
    ['//b/c?d', '//b/c', 'd', 'https://h:1//b/c?d'],
    ['http://h:1/a?b', '/a', 'b', 'https://h:1/a?b'],
    ['HTTPS://h:1?b', '/', 'b', 'https://h:1/?b'],
    ['http://h:1', '/', '', 'https://h:1'],
    ['*', '*', '', 'https://h:1'],
    ['h:1', 'h:1', '', 'https://h:1'],
  ])('read the target %s [HU-07]', (target, path, query, url) => {
    expect([targetPath(target), targetQuery(target), fullUrl('https', 'h:1', target)]).toEqual([
      path,
      query,
      url,
    ]);
  });
});

describe('requestHost', () => {
  it.each([
    ['GET', '/', 'a:80', 'a:80'],
    ['GET', '/http://b/', 'a', 'a'],
    ['GET', 'http://b:1/x', 'a', 'b:1'],
    ['GET', 'https://[::1]?x', 'a', '[::1]'],
    ['CONNECT', 'b:443', 'a', 'b:443'],
    ['OPTIONS', '*', 'a', 'a'],
    ['GET', '/', undefined, '127.0.0.1'],
    ['GET', '/', '', '127.0.0.1'],
  ])(
    'says which host %s %s with Host %s is for (RFC 9112 §3.3) [HU-07, HU-08]',
    (method, target, field, host) => {
      expect(requestHost(method, target, field)).toBe(host);
    },
  );
});
