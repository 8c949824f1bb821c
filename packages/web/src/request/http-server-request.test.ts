import { type HTTPConnectionInfo, HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { HTTPServerRequest } from './http-server-request.ts';
import { type Arguments, MAX_FIELDS } from './url-encoding.ts';

const refusal = expect.objectContaining({ name: 'HTTPError', status: 400 });
const connection: HTTPConnectionInfo = {
  remoteAddress: { family: 'memory' },
  localAddress: { family: 'memory' },
  protocol: 'http',
  tls: undefined,
};

function argumentsOfQuery(query: string): Arguments {
  const head = {
    method: 'GET',
    target: `/?${query}`,
    version: 'HTTP/1.1',
    headers: new HTTPHeaders(),
  } as const;
  return new HTTPServerRequest(head, connection).queryArguments;
}

describe('HTTPServerRequest.queryArguments', () => {
  it('keeps every value of a name in order, and blank ones [IN-01]', () => {
    expect([...argumentsOfQuery('a=1&b=&a=2&c&=x&&')]).toEqual([
      ['a', ['1', '2']],
      ['b', ['']],
      ['c', ['']],
      ['', ['x']],
    ]);
  });

  it('decodes escapes, plus signs and raw UTF-8 [IN-02]', () => {
    const raw = Buffer.from('ü').toString('latin1');
    expect([...argumentsOfQuery(`a+b=%C3%BC+c&r=${raw}&p=%2B`)]).toEqual([
      ['a b', ['ü c']],
      ['r', ['ü']],
      ['p', ['+']],
    ]);
  });

  it.each(['%', 'a=%f', 'a=%zz', 'a=%ff', '%c3=x', 'a=%00%+1'])('answers 400 to %j [ATT-75]', (text) => {
    expect(() => argumentsOfQuery(text)).toThrow(refusal);
  });

  it(`takes ${MAX_FIELDS} fields and no more [ATT-24]`, () => {
    expect(argumentsOfQuery(Array(MAX_FIELDS).fill('a=1').join('&')).get('a')).toHaveLength(MAX_FIELDS);
    expect(() =>
      argumentsOfQuery(
        Array(MAX_FIELDS + 1)
          .fill('a')
          .join('&'),
      ),
    ).toThrow(refusal);
  });

  it('keeps names of Object.prototype as plain data [ATT-74]', () => {
    const fields = argumentsOfQuery('__proto__=1&constructor=2&a%5B__proto__%5D=3');
    expect(fields.get('__proto__')).toEqual(['1']);
    expect(fields.get('constructor')).toEqual(['2']);
    expect(fields.get('toString')).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('reads a megabyte of separators in linear time', () => {
    expect(argumentsOfQuery('&'.repeat(1 << 20)).size).toBe(0);
  });
});
