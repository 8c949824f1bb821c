import { describe, expect, it } from 'vitest';
import { readAnnouncement } from './announcement.ts';

const read = (text: string) => readAnnouncement(Buffer.from(text));

describe('readAnnouncement', () => {
  it('reads records of text and of bytes, with and without a key', () => {
    const position = { kind: 'record', epoch: 'e', before: '1-0', id: '2-0' };
    expect(read('R e 1-0 2-0 t 0\n{"a":"\n"}')).toEqual({
      ...position,
      key: undefined,
      payload: '{"a":"\n"}',
    });
    expect(read('R e 1-0 2-0 t 2\né[]')).toEqual({ ...position, key: 'é', payload: '[]' });
    const bytes = Buffer.concat([Buffer.from('R e 1-0 2-0 b 1\nk'), Buffer.from([0, 10, 255])]);
    expect(readAnnouncement(bytes)).toEqual({ ...position, key: 'k', payload: new Uint8Array([0, 10, 255]) });
  });

  it('reads everything else', () => {
    expect(read('E e 1-0 2-0\n{"how":"finished"}')).toEqual({
      kind: 'end',
      epoch: 'e',
      before: '1-0',
      id: '2-0',
      json: '{"how":"finished"}',
    });
    expect(read('D e\n')).toEqual({ kind: 'deleted', epoch: 'e' });
    const revoked = { kind: 'revoked', count: 3, stamp: 17 };
    expect(read('V 3 17\n')).toEqual({ ...revoked, subject: undefined });
    expect(read('V 3 17\n"ada"')).toEqual({ ...revoked, subject: 'ada' });
    expect(read('C\n')).toEqual({ kind: 'cancel' });
    expect(read('P 7\n{"left":"ada"}')).toEqual({ kind: 'presence', count: 7, json: '{"left":"ada"}' });
  });

  it('ignores kinds and fields of later versions', () => {
    expect(read('X 1 2 3\n...')).toBeUndefined();
    expect(read('')).toBeUndefined();
    expect(read('D e more\n')).toEqual({ kind: 'deleted', epoch: 'e' });
  });
});
