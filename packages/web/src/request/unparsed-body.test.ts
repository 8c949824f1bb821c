import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { unparsedBodyHint } from './unparsed-body.ts';

const FORM = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data; boundary=b';

function hint(type: string | undefined, length = '1', isStreamed = false): string | undefined {
  const headers = new HTTPHeaders().set('Content-Length', length);
  if (type !== undefined) headers.set('Content-Type', type);
  return unparsedBodyHint(headers, { isStreamed });
}

describe('unparsedBodyHint', () => {
  it('is undefined for a request without a body, and for a form, which lacks the argument [HU-10]', () => {
    expect(unparsedBodyHint(new HTTPHeaders())).toBeUndefined();
    expect(hint('text/plain', '0')).toBeUndefined();
    expect(hint(`${FORM}; charset=UTF-8`)).toBeUndefined();
    expect(hint(MULTIPART)).toBeUndefined();
  });

  it('knows a body that the server decompresses, whose length it removes', () => {
    const headers = new HTTPHeaders().set('X-Consumed-Content-Encoding', 'gzip');
    expect(unparsedBodyHint(headers)).toContain('the body has no Content-Type');
  });

  it.each([
    ['text/plain; charset=UTF-8', 'the body is text/plain, and only'],
    ['multipart/mixed; boundary=b', 'the body is multipart/mixed, and only'],
    ['Application/JSON', 'the body is application/json, and only'],
    [';', 'the body is of an empty Content-Type, and only'],
    [undefined, 'the body has no Content-Type'],
  ])('says that a body of the type %j is not parsed [HU-10]', (type, start) => {
    expect(hint(type)?.startsWith(start)).toBe(true);
  });

  it('names the remedy for JSON, and for handlers that stream [HU-10]', () => {
    expect(hint('application/problem+json')).toMatch(/: read it with getJsonBody$/);
    expect(hint(MULTIPART, '1', true)).toMatch(/streamRequestBody.*: read it with a MultipartReader$/);
    expect(hint(FORM, '1', true)).toMatch(/streamRequestBody.* is not parsed into arguments$/);
  });

  it('looks at a body without a length too', () => {
    expect(unparsedBodyHint(new HTTPHeaders().set('Transfer-Encoding', 'chunked'))).toBeDefined();
  });

  it('escapes and clips what the client sent', () => {
    expect(hint(`t\xff${'x'.repeat(1000)}`)).toMatch(/^the body is t\\xffx{58}…, and only/);
  });

  it('refuses an unknown option by name', () => {
    expect(() => unparsedBodyHint(new HTTPHeaders(), { streamed: true } as object)).toThrow(/streamed/);
  });
});
