import { describe, expect, it } from 'vitest';
import { planBody, writePlanned } from './body-plan.ts';

const DIGITS = Buffer.from('0123456789');

function bodyOf(plan: ReturnType<typeof planBody>, content = DIGITS): string {
  let body = '';
  writePlanned(plan, content, (piece) => {
    body += Buffer.from(piece as string).toString();
  });
  return body;
}

describe('planBody', () => {
  it('plans the whole file', () => {
    const plan = planBody(undefined, 10, 'text/plain');
    expect(plan).toMatchObject({ status: 200, contentType: 'text/plain', contentLength: 10 });
    expect([plan.contentRange, bodyOf(plan)]).toEqual([undefined, '0123456789']);
  });

  it('plans an empty file', () => {
    const plan = planBody(undefined, 0, 'text/plain');
    expect([plan.contentLength, bodyOf(plan, Buffer.alloc(0))]).toEqual([0, '']);
  });

  it('names the last byte of a range, not the one after it (RFC 9110 §14.4) [ST-05]', () => {
    const plan = planBody([{ start: 2, end: 5 }], 10, 'text/plain');
    expect(plan).toMatchObject({ status: 206, contentRange: 'bytes 2-4/10', contentLength: 3 });
    expect(bodyOf(plan)).toBe('234');
  });

  it('frames several ranges as parts, each with its type and range (RFC 9110 §14.6) [ST-05]', () => {
    const ranges = [
      { start: 7, end: 10 },
      { start: 0, end: 2 },
    ];
    const plan = planBody(ranges, 10, 'text/plain', () => 'XX');
    expect(plan).toMatchObject({ status: 206, contentType: 'multipart/byteranges; boundary=XX' });
    expect(plan.contentRange).toBeUndefined();
    expect(bodyOf(plan)).toBe(
      '--XX\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-9/10\r\n\r\n789' +
        '\r\n--XX\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01' +
        '\r\n--XX--\r\n',
    );
    expect(plan.contentLength).toBe(bodyOf(plan).length);
  });

  it('counts the bytes of a type, not its characters', () => {
    const ranges = [
      { start: 0, end: 1 },
      { start: 5, end: 6 },
    ];
    const plan = planBody(ranges, 10, 'x/y; a="ü"');
    expect(plan.contentLength).toBe(Buffer.byteLength(bodyOf(plan)));
  });

  it('separates the parts of each body by its own random text', () => {
    const ranges = [
      { start: 0, end: 1 },
      { start: 5, end: 6 },
    ];
    const [one, other] = [planBody(ranges, 10, 'a/b'), planBody(ranges, 10, 'a/b')];
    expect(one.contentType).toMatch(/boundary=[0-9a-f]{32}$/);
    expect(one.contentType).not.toBe(other.contentType);
  });
});
