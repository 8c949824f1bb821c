import { describe, expect, it } from 'vitest';
import { AsyncHTTPClient, HTTPRequest } from '../../src/index.ts';

const url = 'http://127.0.0.1:1/';
const client = new AsyncHTTPClient();

/** Every place of this package that takes options. */
const DOORS: Readonly<Record<string, (options: object) => unknown>> = {
  AsyncHTTPClient: (options) => new AsyncHTTPClient(options),
  'AsyncHTTPClient limits': (options) => new AsyncHTTPClient({ limits: options }),
  'AsyncHTTPClient defaults': (options) => new AsyncHTTPClient({ defaults: options }),
  fetch: (options) => client.fetch(url, options),
  HTTPRequest: (options) => new HTTPRequest(url, options),
  basicAuth: (options) => client.fetch(url, { basicAuth: options as never }),
};

describe('options that are not known', () => {
  it.each(Object.keys(DOORS))('are refused by name by %s [HC-01]', async (door) => {
    const open = async (): Promise<unknown> => DOORS[door]?.({ zzz: 1 });
    await expect(open()).rejects.toThrow(/^\w+: unknown option "zzz"/);
    await expect(open()).rejects.toHaveProperty('code', 'ERR_HTTPCLIENT_USAGE');
  });

  it.each([
    ['timeout', 1, 'fetch: unknown option "timeout"'],
    ['requestTimeout', 1, 'did you mean "requestTimeoutMs"?'],
    ['raise_error', false, 'did you mean "raiseError"?'],
    ['header', {}, 'did you mean "headers"?'],
  ])('come with the name that was probably meant: %s', async (name, value, message) => {
    await expect(client.fetch(url, { [name]: value })).rejects.toThrow(message);
  });

  it('are those that only a request has, for the defaults of all', () => {
    expect(() => new AsyncHTTPClient({ defaults: { body: 'x' } as object })).toThrow('unknown option "body"');
    expect(() => new AsyncHTTPClient({ limits: { maxBodyBytes: 1 } as object })).toThrow('"maxBodyBytes"');
  });
});

describe('AsyncHTTPClient', () => {
  it('names what came in place of a body or a number', async () => {
    const post = (body: unknown) => client.fetch(url, { method: 'POST', body: body as string });
    await expect(post({ a: 1 })).rejects.toThrow('(pass data as json), was expected, not an object');
    await expect(post(Promise.resolve('x'))).rejects.toThrow('not a Promise (await it?)');
    const wrong = { maxBodyBytes: '5' as unknown as number };
    await expect(client.fetch(url, wrong)).rejects.toThrow('not "5" (a string)');
  });
});
