import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EnvironmentProxies, proxyFromEnvironment } from './environment-proxies.ts';

const url = { http: 'http://a.example/', https: 'https://a.example/' };
/** The proxies for an http and an https URL. */
const proxies = (env: Record<string, string | undefined>) => [
  proxyFromEnvironment(env, url.http)?.name,
  proxyFromEnvironment(env, new URL(url.https))?.name,
];

describe('proxyFromEnvironment', () => {
  it('uses the variable of the scheme, and all_proxy for both [CU-01]', () => {
    expect(proxies({})).toEqual([undefined, undefined]);
    expect(proxies({ http_proxy: 'http://p:3128' })).toEqual(['p:3128', undefined]);
    expect(proxies({ https_proxy: 'http://p:3128' })).toEqual([undefined, 'p:3128']);
    expect(proxies({ HTTPS_PROXY: 'http://p:3128' })).toEqual([undefined, 'p:3128']);
    expect(proxies({ all_proxy: 'http://p:3128' })).toEqual(['p:3128', 'p:3128']);
    expect(proxies({ ALL_PROXY: 'socks5h://p' })).toEqual(['p:1080', 'p:1080']);
    expect(proxies({ http_proxy: 'http://p', all_proxy: 'http://q' })).toEqual(['p:80', 'q:80']);
    expect(proxies({ https_proxy: 'http://p', HTTPS_PROXY: 'http://q' })).toEqual([undefined, 'p:80']);
  });

  it('ignores HTTP_PROXY, which a client of a CGI program can set [CU-01]', () => {
    expect(proxies({ HTTP_PROXY: 'http://evil:1' })).toEqual([undefined, undefined]);
  });

  it('treats an empty variable as not set, and takes a proxy without a scheme [CU-01]', () => {
    expect(proxies({ http_proxy: '', https_proxy: ' ', all_proxy: ' p:3128 ' })).toEqual([
      'p:3128',
      'p:3128',
    ]);
  });

  it('does not use a proxy for the hosts in no_proxy, or else NO_PROXY [CU-01]', () => {
    const all_proxy = 'http://p:3128';
    expect(proxies({ all_proxy, no_proxy: '.example' })).toEqual([undefined, undefined]);
    expect(proxies({ all_proxy, NO_PROXY: 'a.example:443' })).toEqual(['p:3128', undefined]);
    expect(proxies({ all_proxy, no_proxy: 'b.example', NO_PROXY: '*' })).toEqual(['p:3128', 'p:3128']);
  });

  it.each([
    ['http://user:hunter2@p:99999', 'http_proxy'],
    ['ftp://user:hunter2@p', 'http_proxy'],
    ['http://user:hunter2@p/path', 'all_proxy'],
    ['user:hunter2@', 'all_proxy'],
  ])('refuses %s with the name of the variable, and without the password [CU-01]', (value, name) => {
    expect(() => proxyFromEnvironment({ [name]: value }, url.http)).toThrow(
      expect.objectContaining({
        code: 'ERR_HTTPCLIENT_USAGE',
        message: expect.stringMatching(new RegExp(`^${name}: (?!.*hunter2)`)),
      }),
    );
  });

  it.each([
    ['ftp://a.example/', 'ERR_HTTPCLIENT_SCHEME'],
    ['a.example', 'ERR_HTTPCLIENT_URL'],
  ])('refuses %s as the URL of a request [CU-08]', (wrong, code) => {
    expect(() => proxyFromEnvironment({}, wrong)).toThrow(expect.objectContaining({ code }));
  });
});

describe('EnvironmentProxies', () => {
  it('reads the variables once, and shows no password [CU-01]', () => {
    const env: Record<string, string> = {
      all_proxy: 'http://user:hunter2@p:3128',
      no_proxy: '[::1]:80',
    };
    const read = new EnvironmentProxies(env);
    env.all_proxy = 'http://other';
    expect(read.proxyFor({ scheme: 'https', host: 'a.example', port: 443 })?.name).toBe('p:3128');
    expect(read.proxyFor({ scheme: 'http', host: '::1', port: 80 })).toBeUndefined();
    expect(inspect(read, { depth: 9 })).not.toContain('hunter2');
  });
});
