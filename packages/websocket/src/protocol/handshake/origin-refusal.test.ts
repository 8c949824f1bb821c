import { describe, expect, it } from 'vitest';
import { originRefusal } from './origin-refusal.ts';

const REFUSED = 'the origin "http://evil.example" may not open a WebSocket here';

describe('originRefusal', () => {
  it.each([
    [
      false,
      'a.example',
      'it does not match the host of the request, "a.example"; add it to allowedOrigins, or set publicOrigin',
    ],
    [
      false,
      ['https://a.example', 'https://b.example'],
      'this site is "https://a.example" or "https://b.example"; see publicOrigin, or add it to allowedOrigins',
    ],
    [false, [], 'this site is unknown; see publicOrigin, or add it to allowedOrigins'],
    [false, undefined, 'checkOrigin did not return true'],
    [1, undefined, 'checkOrigin did not return true, but 1'],
  ])('says for the answer %j, of a site %j, how to allow the origin [WS-02]', (answer, own, expected) => {
    expect(originRefusal('http://evil.example', answer, own)).toBe(`${REFUSED}: ${expected}`);
  });

  it('quotes, escapes and clips what the client sent [WS-02] [ATT-40]', () => {
    const text = originRefusal(`http://\u001b[2J"\n${'x'.repeat(5_000)}`, false, 'a'.repeat(5_000));
    expect(text).toMatch(/^[\x20-\x7e…]*$/);
    expect(text.length).toBeLessThan(400);
  });
});
