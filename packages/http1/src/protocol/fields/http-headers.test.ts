import { describe, expect, it } from 'vitest';
import { randomText, seededRandom } from '../../../test/fixtures/seeded-random.ts';
import { canonicalHeaderName } from './header-names.ts';
import { HTTPHeaders } from './http-headers.ts';

const RAW = 'Host: a\r\nX-One:1\r\nCookie: a=1\r\nx-one: \t2 \r\ncookie: b=2\r\nEmpty:\r\n';

function raw(): HTTPHeaders {
  return HTTPHeaders.fromRaw(`GET / HTTP/1.1\r\n${RAW}\r\n`, 16, 16 + RAW.length);
}

describe('HTTPHeaders', () => {
  it('finds fields in any case, and keeps the spelling for output [HU-01]', () => {
    const headers = new HTTPHeaders().set('X-REQUEST-id', '7');
    expect(headers.get('x-Request-ID')).toBe('7');
    expect(headers.serialize()).toBe('X-REQUEST-id: 7\r\n');
    expect(`${headers}`).toBe(headers.serialize());
  });

  it('joins repeated values with a comma, Cookie with a semicolon [HU-01]', () => {
    const headers = HTTPHeaders.from({ Accept: ['a', 'b'], Cookie: ['c=1', 'd=2'] });
    expect([headers.get('accept'), headers.get('cookie')]).toEqual(['a, b', 'c=1; d=2']);
    expect(headers.getList('ACCEPT')).toEqual(['a', 'b']);
  });

  it('keeps fields in order [HU-01]', () => {
    const pairs: [string, string][] = [
      ['B', '1'],
      ['A', '2'],
      ['b', '3'],
    ];
    const headers = HTTPHeaders.from(pairs);
    expect(headers.getAll()).toEqual(pairs);
    expect([...headers]).toEqual(pairs);
    expect(headers.size).toBe(3);
  });

  it('set replaces every value, in the place of the first', () => {
    const headers = HTTPHeaders.from({ A: ['1', '2'], B: '3' }).set('a', '4');
    expect(headers.serialize()).toBe('a: 4\r\nB: 3\r\n');
    expect(headers.add('A', '5').serialize()).toBe('a: 4\r\nB: 3\r\nA: 5\r\n');
  });

  it('delete removes every value [HU-03]', () => {
    const headers = HTTPHeaders.from({ A: ['1', '2'], B: '3' });
    expect([headers.delete('a'), headers.delete('a'), headers.has('A')]).toEqual([true, false, false]);
    expect(headers.serialize()).toBe('B: 3\r\n');
  });

  it('lists each name once, first seen first, in its usual spelling [HU-01]', () => {
    const headers = HTTPHeaders.parse('x-B3: 1\r\nETag: 2\r\nX-b3: 3\r\nwww-authenticate: 4\r\n');
    expect(headers.names()).toEqual(['X-B3', 'Etag', 'Www-Authenticate']);
    expect(headers.getAll().map(([name]) => name)).toEqual(['x-B3', 'ETag', 'X-b3', 'www-authenticate']);
  });

  it.each([
    ['content-type', 'Content-Type'],
    ['X-REQUEST-id', 'X-Request-Id'],
    ['-a--B', '-A--B'],
    ['_x.y', '_x.y'],
  ])('has a usual spelling of %s [HU-01]', (name, usual) => {
    expect(canonicalHeaderName(name)).toBe(usual);
  });

  it('survives JSON with order and repeats [HU-01]', () => {
    const headers = HTTPHeaders.from({ B: ['1', '2'], __proto__x: '3', A: '4' }).add('__proto__', '5');
    expect(HTTPHeaders.from(JSON.parse(JSON.stringify(headers))).getAll()).toEqual(headers.getAll());
  });

  it('reads a received block, before and after it is split', () => {
    const headers = raw();
    const expected = ['1, 2', 'a=1; b=2', '', undefined, undefined];
    const read = (): unknown[] =>
      ['x-ONE', 'Cookie', 'empty', 'x-on', '__proto__'].map((name) => headers.get(name));
    expect(read()).toEqual(expected);
    expect(headers.size).toBe(6);
    expect(read()).toEqual(expected);
    expect(headers.serialize()).toBe(
      'Host: a\r\nX-One: 1\r\nCookie: a=1\r\nx-one: 2\r\ncookie: b=2\r\nEmpty: \r\n',
    );
  });

  it('changes a received block like any other', () => {
    expect(raw().set('Host', 'b').add('Y', 'z').getAll().slice(0, 1)).toEqual([['Host', 'b']]);
    const headers = raw();
    headers.delete('x-one');
    expect(headers.getList('cookie')).toEqual(['a=1', 'b=2']);
    expect(headers.has('x-one')).toBe(false);
  });

  it('copies so that neither side sees the changes of the other', () => {
    const one = raw();
    const other = one.copy().set('Host', 'b');
    one.add('New', '1');
    expect([one.get('host'), other.get('host'), other.has('new')]).toEqual(['a', 'b', false]);
  });

  it.each(['', 'a b', 'a:', 'a\r\n', 'ä', '(', '\ud800'])(
    'refuses the name %j [HU-02, H1-13, ATT-35]',
    (name) => {
      const headers = new HTTPHeaders();
      for (const change of [() => headers.set(name, 'x'), () => headers.add(name, 'x')]) {
        expect(change).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_HEADER_NAME' }));
      }
      expect(headers.size).toBe(0);
    },
  );

  it.each(['a\r\nb', 'a\rb', 'a\nb', '\0', '\x7f', '\x1f', '\u0100', '\ud800', '\u2028'])(
    'refuses the value %j, and changes nothing [HU-02, H1-13, ATT-35, ATT-77]',
    (value) => {
      const headers = new HTTPHeaders().set('A', '1');
      for (const change of [() => headers.set('A', value), () => headers.add('A', value)]) {
        expect(change).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_HEADER_VALUE' }));
      }
      expect(headers.serialize()).toBe('A: 1\r\n');
    },
  );

  it('refuses a value that is not a string', () => {
    const wrong = 1 as unknown as string;
    for (const make of [() => new HTTPHeaders().set('A', wrong), () => HTTPHeaders.from({ A: wrong })]) {
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_HEADER_VALUE' }));
    }
  });

  it('takes HTAB and latin1 in values [HU-02]', () => {
    expect(new HTTPHeaders().set('A', 'a\tb \xe4').serialize()).toBe('A: a\tb \xe4\r\n');
  });

  it('takes __proto__ and constructor as plain names [ATT-74]', () => {
    const headers = new HTTPHeaders().add('__proto__', 'x').add('constructor', 'y');
    expect([headers.get('__PROTO__'), headers.get('constructor'), headers.get('hasOwnProperty')]).toEqual([
      'x',
      'y',
      undefined,
    ]);
  });

  it('parses lines, trimming SP and HTAB alone [HU-01, HU-04]', () => {
    const headers = HTTPHeaders.parse('A: 1\r\nB:\t\xa02\xa0 \r\nC:\x85');
    expect(headers.getAll()).toEqual([
      ['A', '1'],
      ['B', '\xa02\xa0'],
      ['C', '\x85'],
    ]);
  });

  it.each(['A: 1\nB: 2', 'A', ': x', 'A : x', 'A: \0', 'A: 1\rB', '\r\n', 'A: \u0100'])(
    'parse refuses %j [HU-02, HU-04]',
    (text) => {
      expect(() => HTTPHeaders.parse(text)).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP1_BAD_HEADER' }),
      );
    },
  );

  it('parse refuses a folded line [HU-05]', () => {
    expect(() => HTTPHeaders.parse('A: 1\r\n 2')).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_OBS_FOLD' }),
    );
  });

  it('parses one line at a time, with or without its end [HU-01, HU-04]', () => {
    const headers = new HTTPHeaders().parseLine('A: 1\r\n').parseLine('a:\t2\xa0 ').parseLine('B:');
    expect(headers.getAll()).toEqual([
      ['A', '1'],
      ['a', '2\xa0'],
      ['B', ''],
    ]);
  });

  it.each(['', '\r\n', 'A', ': x', 'A : x', 'A: 1\n', 'A: 1\r', 'A: 1\r\nB: 2', 'A: \u2028'])(
    'refuses the line %j, and changes nothing [HU-02, HU-04]',
    (line) => {
      const headers = new HTTPHeaders().add('A', '1');
      expect(() => headers.parseLine(line)).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP1_BAD_HEADER', status: 400 }),
      );
      expect(headers.serialize()).toBe('A: 1\r\n');
    },
  );

  it.each([' 2', '\t2', ' '])('refuses the line %j, which continues the one before [HU-05]', (line) => {
    const headers = new HTTPHeaders().add('A', '1');
    expect(() => headers.parseLine(line)).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_OBS_FOLD' }));
    expect(headers.get('A')).toBe('1');
  });

  it('splits lines at CRLF alone, not where Unicode has its line ends [HU-04]', () => {
    // NEL and NBSP are the two of them that a byte can spell.
    expect(HTTPHeaders.parse('A: 1\x852\xa03\r\n').get('a')).toBe('1\x852\xa03');
  });

  it('makes headers of the Headers of fetch, each Set-Cookie apart', () => {
    const headers = HTTPHeaders.from(
      new Headers([
        ['X-A', '1'],
        ['x-a', '2'],
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2, 3'],
      ]),
    );
    expect(headers.getList('X-A')).toEqual(['1, 2']);
    expect(headers.getList('set-cookie')).toEqual(['a=1', 'b=2, 3']);
  });

  it('refuses what the Headers of fetch may hold and the wire must not [HU-02]', () => {
    expect(() => HTTPHeaders.from(new Headers({ a: 'x\x01' }))).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_HEADER_VALUE' }),
    );
  });

  it('converts to the Headers of fetch', () => {
    const headers = HTTPHeaders.from({ A: ['1', '2'], 'Set-Cookie': ['a=1', 'b=2'] }).toFetch();
    expect([headers.get('a'), headers.getSetCookie()]).toEqual(['1, 2', ['a=1', 'b=2']]);
  });

  it('agrees with the Headers of fetch, there and back [HU-01]', () => {
    const random = seededRandom(5);
    const names = [
      'A',
      'a',
      'x-One',
      'X-ONE',
      'Cookie',
      'cookie',
      'Set-Cookie',
      'SET-COOKIE',
      '__proto__',
      'Etag',
    ];
    const pieces = ['a', '=', ';', ',', ' ', '\t', '"', '\xe4', '\xff', '\xa0', '0'];
    for (let round = 0; round < 500; round += 1) {
      const headers = new HTTPHeaders();
      const theirs = new Headers();
      for (let left = random(12); left > 0; left -= 1) {
        const name = names[random(names.length)] as string;
        const value = randomText(random, pieces, 6).replace(/^[ \t]+|[ \t]+$/g, '');
        const change = random(4) === 0 ? 'set' : 'add';
        headers[change](name, value);
        theirs[change === 'add' ? 'append' : 'set'](name, value);
        if (random(5) === 0) {
          const gone = names[random(names.length)] as string;
          headers.delete(gone);
          theirs.delete(gone);
        }
      }
      expect([...headers.toFetch()]).toEqual([...theirs]);
      const back = HTTPHeaders.from(headers.toFetch());
      expect(back.getAll()).toEqual([...theirs]);
      for (const name of names) {
        if (name.toLowerCase() === 'set-cookie') expect(headers.getList(name)).toEqual(theirs.getSetCookie());
        else expect(headers.get(name) ?? null).toBe(theirs.get(name));
      }
    }
  });

  it('writes each value as it was set, be it the same each time, one of a few or always another', () => {
    const values = [
      'same',
      'same',
      'other',
      'same',
      'a longer value of more than a few letters',
      'same',
      '',
      'é',
    ];
    for (let turn = 0; turn < 300; turn += 1) {
      for (const value of [...values, `${turn}`, 'x'.repeat(turn)]) {
        const headers = new HTTPHeaders().set('X-Turn', value).add('x-turn', value);
        expect(headers.serialize()).toBe(`X-Turn: ${value}\r\nx-turn: ${value}\r\n`);
      }
    }
    for (const bad of ['same\r\n', 'same\0', 'sam\u0100']) {
      expect(() => new HTTPHeaders().set('X-Turn', bad)).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP1_HEADER_VALUE' }),
      );
    }
  });

  it('has of a record only its own fields, in order', () => {
    const own = Object.assign(Object.create({ Inherited: 'x' }), { B: '1', A: ['2', '3'] });
    expect(HTTPHeaders.from(own).serialize()).toBe('B: 1\r\nA: 2\r\nA: 3\r\n');
  });

  it('does not remember more names than its bound, and still checks each', () => {
    for (let at = 0; at < 1000; at += 1) new HTTPHeaders().set(`X-Name-${at}`, '1');
    expect(() => new HTTPHeaders().set('X Name', '1')).toThrow();
    expect(new HTTPHeaders().set('X-Name-999', '1').get('x-name-999')).toBe('1');
  });
});
