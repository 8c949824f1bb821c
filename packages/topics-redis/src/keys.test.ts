import { describe, expect, it } from 'vitest';
import { keysOf } from './keys.ts';

describe('keysOf', () => {
  it('gives all keys of a log one hash tag', () => {
    expect(keysOf('app', { kind: 'topic', name: 'room' })).toEqual({
      channel: 'app:{t:room}',
      log: 'app:{t:room}:log',
      meta: 'app:{t:room}:meta',
    });
    expect(keysOf('app', { kind: 'run', name: 'room' }).channel).toBe('app:{r:room}');
  });

  it('encodes what means something in a key, and everything outside ASCII', () => {
    expect(keysOf('app', { kind: 'topic', name: 'a{b}:c/d %é*' }).channel).toBe(
      'app:{t:a%7Bb%7D%3Ac%2Fd%20%25%C3%A9%2A}',
    );
  });
});
