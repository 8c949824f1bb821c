import { describe, expect, it } from 'vitest';
import { type Challenge, parseChallenges, parseParameterField } from './challenges.ts';

/** A challenge in a form that is short to write. */
const plain = ({ scheme, token68, parameters }: Challenge) => [
  scheme,
  ...(token68 === undefined ? [] : [token68]),
  ...(parameters.size === 0 ? [] : [Object.fromEntries(parameters)]),
];
const parse = (...fields: string[]) => parseChallenges(fields).map(plain);

describe('parseChallenges', () => {
  it('reads schemes, parameters and token68 [CU-02, SH-06]', () => {
    expect(parse('Basic realm="a b"')).toEqual([['basic', { realm: 'a b' }]]);
    expect(parse('Negotiate')).toEqual([['negotiate']]);
    expect(parse('NEGOTIATE  YII+/.-_~==  ')).toEqual([['negotiate', 'YII+/.-_~==']]);
    expect(parse('Digest Realm = "r" , NONCE=n,qop="auth,auth-int"')).toEqual([
      ['digest', { realm: 'r', nonce: 'n', qop: 'auth,auth-int' }],
    ]);
  });

  it('reads several challenges of one field, and of several (RFC 9110 §11.6.1)', () => {
    expect(
      parse('Basic realm="simple", Newauth realm="apps", type=1,\ttitle="Login to \\"apps\\""', 'NTLM'),
    ).toEqual([
      ['basic', { realm: 'simple' }],
      ['newauth', { realm: 'apps', type: '1', title: 'Login to "apps"' }],
      ['ntlm'],
    ]);
    expect(parse('Negotiate, NTLM , Basic realm=x, Negotiate abc=, Digest nonce=a')).toEqual([
      ['negotiate'],
      ['ntlm'],
      ['basic', { realm: 'x' }],
      ['negotiate', 'abc='],
      ['digest', { nonce: 'a' }],
    ]);
  });

  it('skips empty elements of the list', () => {
    expect(parse(', ,Basic realm=x,, ,title=y, ,', '', ',')).toEqual([['basic', { realm: 'x', title: 'y' }]]);
  });

  it.each([
    ['commas and equals signs', 'realm="a, Digest realm=b"', 'a, Digest realm=b'],
    ['escapes', String.raw`realm="\a\"\\\,"`, 'a"\\,'],
    ['nothing', 'realm=""', ''],
    ['bytes that are not ASCII', 'realm="\xc3\xa4\t"', '\xc3\xa4\t'],
    ['a token', 'realm=a-b', 'a-b'],
  ])('reads a value of %s', (_, parameter, realm) => {
    expect(parse(`Basic ${parameter}, Other x=1`)).toEqual([
      ['basic', { realm }],
      ['other', { x: '1' }],
    ]);
  });

  it.each([
    'Basic realm="open',
    'Basic realm="open\\',
    'Basic realm="open\\"',
    'Basic realm="a"b',
    'Basic realm="a" b',
    'Basic realm="a"; x=1',
    'Basic realm="a\nb"',
    'Basic realm="\\\n"',
    'Basic realm="\x7f"',
    'Basic realm="\u20ac"',
    'Basic realm=a b',
    'Basic x=1, realm=,',
    'Basic a=1, A=2',
    'Basic a b',
    'Basic abc== x',
    'Basic ="a"',
    'Basic="a"',
    'Basic"a"',
    'Basic "a"',
    'Basic, realm="a"',
    'Basic abc, realm="a"',
    'realm="a"',
    '="a"',
    '"Basic"',
    'B\xe4sic realm=a',
    'Digest qop=auth,auth-int, nonce="n"',
  ])('leaves out a field with a mistake: %j', (field) => {
    expect(parse(field)).toEqual([]);
    expect(parse('First', field, 'Last')).toEqual([['first'], ['last']]);
  });

  it('keeps names such as __proto__ apart from what objects have', () => {
    const [challenge] = parseChallenges(['Basic __proto__=1, constructor=2']);
    expect([...(challenge?.parameters ?? [])]).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]);
    expect(challenge?.parameters.get('toString')).toBeUndefined();
  });

  it('leaves out a field that exceeds a limit', () => {
    const list = (count: number, text: (n: number) => string) =>
      Array.from({ length: count }, (_, n) => text(n)).join(',');
    expect(parse(list(32, (n) => `S${n}`))).toHaveLength(32);
    expect(
      parse(
        list(33, (n) => `S${n}`),
        'Last',
      ),
    ).toEqual([['last']]);
    expect(parse(...Array.from({ length: 40 }, () => 'S'))).toHaveLength(32);
    expect(parse(`B ${list(32, (n) => `p${n}=1`)}`)).toHaveLength(1);
    expect(parse(`B ${list(33, (n) => `p${n}=1`)}`)).toEqual([]);
    expect(parse(`B ${'a'.repeat(8190)}`)).toHaveLength(1);
    expect(parse(`B ${'a'.repeat(8191)}`)).toEqual([]);
    expect(parseChallenges(['A, B'], { maxChallenges: 1 })).toEqual([]);
    expect(parseChallenges(['A a=1, b=2', 'B'], { maxParameters: 1 }).map(plain)).toEqual([['b']]);
    expect(parseChallenges(['Ab', 'B'], { maxFieldBytes: 1 }).map(plain)).toEqual([['b']]);
  });

  it('refuses limits that are unknown or invalid', () => {
    const refusal = expect.objectContaining({ code: 'ERR_HTTPCLIENT_USAGE' });
    expect(() => parseChallenges([], { maxChallenge: 1 } as never)).toThrow(refusal);
    expect(() => parseChallenges([], { maxParameters: -1 })).toThrow(refusal);
  });

  it('takes time linear in the length of a field', () => {
    const limits = {
      maxFieldBytes: 1e7,
      maxChallenges: 1e7,
      maxParameters: 1e7,
    };
    const size = 50_000;
    // Quadratic time would take minutes for each.
    for (const field of [
      ' '.repeat(size),
      `B ${' '.repeat(size)}x y`,
      `B ${'a'.repeat(size)}"`,
      `B a${'='.repeat(size)}"`,
      `B a="${'\\"'.repeat(size)}`,
      `B a="${'a, '.repeat(size)}`,
      'a,'.repeat(size),
      'a b,'.repeat(size),
      `a ${'b ='.repeat(size)}`,
    ]) {
      expect(() => parseChallenges([field], limits)).not.toThrow();
    }
  });

  it('never throws, whatever bytes come', () => {
    const pieces = ['Basic', 'a', '=', '"', '\\', ',', ' ', '\t', '\0', '\xff', 'realm="x"', '==', ';'];
    let state = 1;
    for (let round = 0; round < 20_000; round += 1) {
      let field = '';
      for (let count = 0; count < 8; count += 1) {
        state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
        field += pieces[(state >> 8) % pieces.length];
      }
      for (const { scheme, token68, parameters } of parseChallenges([field])) {
        expect(scheme).not.toBe('');
        expect(token68 === undefined || parameters.size === 0).toBe(true);
      }
    }
  });
});

describe('parseParameterField', () => {
  it('reads the parameters of Authentication-Info (RFC 7615 §3) [CU-02]', () => {
    expect([...(parseParameterField('nextnonce="a,b", NC = 00000001,, qop=auth') ?? [])]).toEqual([
      ['nextnonce', 'a,b'],
      ['nc', '00000001'],
      ['qop', 'auth'],
    ]);
    expect(parseParameterField('')?.size).toBe(0);
  });

  it.each(['a', 'a b=1', '=1', 'a="', 'a=1, a=2', `a=${'b'.repeat(8192)}`])(
    'returns undefined if the field is malformed or too long (%#)',
    (field) => {
      expect(parseParameterField(field)).toBeUndefined();
    },
  );
});
