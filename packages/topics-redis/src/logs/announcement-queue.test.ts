import { describe, expect, it } from 'vitest';
import { AnnouncementQueue } from './announcement-queue.ts';

const CANCEL = { kind: 'cancel' } as const;
const MEBIBYTE = 1024 * 1024;

describe('AnnouncementQueue', () => {
  it('counts the bytes of what is put back', () => {
    const queue = new AnnouncementQueue();
    for (let count = 0; count < 3; count += 1) queue.push({ announcement: CANCEL, bytes: MEBIBYTE });
    const [, ...rest] = queue.take();
    queue.putBack(rest);
    queue.startPage();
    for (let count = 0; count < 2; count += 1) queue.push({ announcement: CANCEL, bytes: MEBIBYTE });
    expect(queue.hasDropped).toBe(false);
    queue.push({ announcement: CANCEL, bytes: 1 });
    expect([queue.hasDropped, queue.take()]).toEqual([true, []]);
  });

  it('keeps what is no record while a page is read, because the page does not have it', () => {
    const queue = new AnnouncementQueue();
    queue.push({ announcement: { kind: 'end', epoch: 'e', before: '1-0', id: '2-0', json: '{}' }, bytes: 9 });
    queue.push({ announcement: CANCEL, bytes: 9 });
    queue.startPage();
    expect(queue.take()).toEqual([{ announcement: CANCEL, bytes: 9 }]);
  });
});
