import { describe, expect, it } from 'vitest';
import { nameProblem, TlsServerNames } from './server-names.ts';

const named = (keyType: string, ...names: string[]) => ({ names, keyType, cert: '' });

describe('TlsServerNames', () => {
  it('selects one certificate of each type of key for a name, in their order', () => {
    const names = new TlsServerNames([
      named('rsa', 'a.example'),
      named('ec', 'a.example'),
      named('rsa', 'a.example', 'b.example'),
      named('ed25519', 'b.example'),
    ]);
    expect(names.find('a.example')).toEqual([0, 1]);
    expect(names.find('b.example')).toEqual([2, 3]);
    expect(names.find('c.example')).toBeUndefined();
  });

  it('does not add a wildcard of another type to an exact name', () => {
    const names = new TlsServerNames([
      named('ec', '*.wild.example'),
      named('rsa', 'one.wild.example'),
      named('rsa', '*.wild.example'),
    ]);
    expect(names.find('one.wild.example')).toEqual([1]);
    expect(names.find('ONE.wild.example')).toEqual([1]);
    expect(names.find('two.wild.example')).toEqual([0, 2]);
    expect(names.find('.wild.example')).toBeUndefined();
    expect(names.find('one.two.wild.example')).toBeUndefined();
  });

  it('selects for clients without a name the certificates with the names of the first', () => {
    const ec = named('ec', 'b.example', 'a.example');
    const names = new TlsServerNames([named('rsa', 'a.example', 'b.example'), named('ec', 'a.example'), ec]);
    expect(names.first).toEqual([0, 2]);
  });

  it('returns the same object for equal selections, so that they share a context', () => {
    const names = new TlsServerNames([named('rsa', 'a.example', 'b.example'), named('rsa', 'c.example')]);
    expect(names.find('a.example')).toBe(names.find('b.example'));
    expect(names.find('a.example')).toBe(names.first);
    expect(names.find('c.example')).not.toBe(names.first);
  });

  it.each(['', '.', 'constructor', '__proto__', '*', '*.example'])('has no certificate for %j', (name) => {
    expect(new TlsServerNames([named('rsa', 'a.example')]).find(name)).toBeUndefined();
  });
});

describe('nameProblem', () => {
  it.each(['a.example', 'localhost', '*.example', '*.a-b.example', 'xn--bcher-kva.example', '_a.example'])(
    'accepts %s',
    (name) => expect(nameProblem(name)).toBeUndefined(),
  );

  it.each([
    ...['', '*', '*.', '*.*.example', 'a.*.example', 'a*.example', '.example', 'a.example.', 'a..example'],
    ...['https://a.example', 'a.example:443', '127.0.0.1', '::1', 'a b', `${'a'.repeat(64)}.example`],
    `${'a.'.repeat(126)}aa`,
  ])('refuses %j, which no client can request (RFC 6066 §3)', (name) => {
    expect(nameProblem(name)).toMatch(/^a host name such as a\.example, or a wildcard .* not "/);
  });

  it('gives the form in ASCII of an international name', () => {
    expect(nameProblem('*.bücher.example')).toMatch(/; write it as "\*\.xn--bcher-kva\.example"$/);
  });
});
