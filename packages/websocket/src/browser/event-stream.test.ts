import { describe, expect, it } from 'vitest';
import { parseBlock } from './event-stream.ts';

describe('parseBlock', () => {
  it('reads the fields of an event', () => {
    expect(parseBlock('id: a-1\nevent: gap\nretry: 10\ndata: {"a":1}')).toEqual({
      id: 'a-1',
      event: 'gap',
      retry: '10',
      data: '{"a":1}',
    });
  });

  it('reads an id without data, and the fields beside comments', () => {
    expect(parseBlock(': keep-alive\nid:a-1\n:')).toEqual({ id: 'a-1' });
    expect(parseBlock(': keep-alive')).toEqual({});
  });

  it('joins the lines of the data, and removes one blank', () => {
    expect(parseBlock('data: a\ndata:  b\ndata:\ndata:c')).toEqual({ data: 'a\n b\n\nc' });
  });

  it('keeps line ends of Unicode, which do not end a line of an event stream', () => {
    expect(parseBlock('data: "a\u2028id: b\u2029"')).toEqual({ data: '"a\u2028id: b\u2029"' });
  });

  it('takes the last one of other fields', () => {
    expect(parseBlock('id: 1\nid: 2')).toEqual({ id: '2' });
  });
});
