import { TopicRecord } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import { errText, eventText, okText, posText } from './server-frame.ts';

describe('server frames', () => {
  it('leaves out what a reply does not have', () => {
    expect(okText(1)).toBe('{"op":"ok","id":1}');
    expect(okText(1, 'e.1')).toBe('{"op":"ok","id":1,"cursor":"e.1"}');
    expect(okText(1, undefined, 'running')).toBe('{"op":"ok","id":1,"how":"running"}');
    const fault = { code: 'ERR_X', message: 'why' };
    expect(errText(fault, undefined, undefined, undefined)).toBe(
      '{"op":"err","code":"ERR_X","message":"why"}',
    );
    expect(errText({ ...fault, retryMs: 5 }, 2, 'run', 'r')).toBe(
      '{"op":"err","id":2,"run":"r","code":"ERR_X","message":"why","retryMs":5}',
    );
  });

  it('names the topic or the run, escaped', () => {
    expect(posText('topic', 'a"b', 'e.1')).toBe('{"op":"pos","topic":"a\\"b","cursor":"e.1"}');
    const record = new TopicRecord('e.1', 0, undefined, '{"x":[1]}');
    expect(eventText(record, 'run', 'a"b\\')).toBe(
      '{"op":"msg","run":"a\\"b\\\\","cursor":"e.1","data":{"x":[1]}}',
    );
  });

  it('encodes the bytes of a view, and not of its whole buffer', () => {
    const bytes = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
    expect(eventText(new TopicRecord('e.1', 0, undefined, bytes), 'topic', 't')).toBe(
      '{"op":"msg","topic":"t","cursor":"e.1","bytes":"AgM="}',
    );
  });

  it('encodes each other kind of event', () => {
    const texts = [
      { kind: 'gap', reason: 'slow', cursor: 'e.1' },
      { kind: 'end', how: 'finished', cursor: 'e.2', result: null },
      { kind: 'end', how: 'failed', cursor: 'e.2', error: { code: 'ERR_RUN_FAILED', message: 'no' } },
      { kind: 'presence', members: [{ member: 'ann' }, { member: 'bob', meta: 1 }] },
      { kind: 'presence', joined: 'ann', meta: { a: 1 } },
      { kind: 'presence', left: 'ann' },
    ] as const;
    expect(texts.map((event) => eventText(event, 'topic', 't'))).toEqual([
      '{"op":"gap","topic":"t","reason":"slow","cursor":"e.1"}',
      '{"op":"end","topic":"t","how":"finished","cursor":"e.2","result":null}',
      '{"op":"end","topic":"t","how":"failed","cursor":"e.2","error":{"code":"ERR_RUN_FAILED","message":"no"}}',
      '{"op":"presence","topic":"t","members":[{"member":"ann"},{"member":"bob","meta":1}]}',
      '{"op":"presence","topic":"t","joined":"ann","meta":{"a":1}}',
      '{"op":"presence","topic":"t","left":"ann"}',
    ]);
  });
});
