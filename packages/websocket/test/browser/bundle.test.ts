import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bundled, ROOM } from './bundle.ts';

const sizeOf = (code: string): number => gzipSync(code, { level: 9 }).length;

describe('The bundle of TopicsClient', () => {
  it('has at most 4 KiB, minified and compressed', async () => {
    const { code } = await bundled('TopicsClient');
    expect(code).toContain('landspout.topics.v1');
    expect(sizeOf(code)).toBeLessThanOrEqual(4_096);
  });

  it('has at most 512 bytes more with loops and the class of errors', async () => {
    const { code } = await bundled('TopicsClient, TopicsError, readRun, readTopic');
    expect(sizeOf(code)).toBeLessThanOrEqual(4_096 + 512);
  });

  it('consists of this room alone', async () => {
    // A module of Node would not resolve for browsers.
    const { files, code } = await bundled('TopicsClient, readTopic');
    expect(files.filter((file) => file.includes('/'))).toEqual([]);
    expect(readdirSync(ROOM)).toEqual(expect.arrayContaining(files));
    expect(code).not.toMatch(/\b(import|require|process)\b/);
  });
});
