import { IOStream } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { ClientConnection, requestUpgrade } from '../src/connection/client/index.ts';
import { HTTPHeaders, HTTPInputError } from '../src/index.ts';
import {
  parseCookies,
  parseQuery,
  RequestDecoder,
  ResponseDecoder,
  resolveLimits,
} from '../src/protocol/index.ts';

const stream = () => IOStream.pair()[0];
const upgrade = { method: 'GET', target: '/', headers: new HTTPHeaders().set('Host', 'a') };

/** Every place of this package that takes options or limits. */
const DOORS: Readonly<Record<string, (options: object) => unknown>> = {
  RequestDecoder: (options) => new RequestDecoder(options),
  ResponseDecoder: (options) => new ResponseDecoder(options),
  parseQuery: (options) => parseQuery('a=b', options),
  resolveLimits: (options) => resolveLimits(options),
  parseCookies: (options) => parseCookies('a=b', options),
  ClientConnection: (options) => new ClientConnection(stream(), options),
  'ClientConnection limits': (options) => new ClientConnection(stream(), { limits: options }),
  requestUpgrade: (options) => requestUpgrade(stream(), upgrade, options),
  HTTPInputError: (options) => new HTTPInputError('no', 400, options),
};

describe('options that are not known', () => {
  it.each(Object.keys(DOORS))('are refused by name by %s', async (door) => {
    const open = async (): Promise<unknown> => DOORS[door]?.({ zzz: 1 });
    await expect(open()).rejects.toThrow(/^\w+: unknown option "zzz"/);
    await expect(open()).rejects.toHaveProperty('code', expect.stringMatching(/_(USAGE|LIMIT)$/));
  });

  it('come with the name that was probably meant', () => {
    expect(() => resolveLimits({ maxHeader: 1 } as object)).toThrow('did you mean "maxHeaders"?');
  });
});

describe('resolveLimits', () => {
  it('names what came in place of a number', () => {
    expect(() => resolveLimits({ maxHeaders: '10' } as object)).toThrow('not "10" (a string)');
  });
});
