import { describe, expect, it } from 'vitest';
import { describeFrame, describeStack } from '../../src/watchdog/stack-frames.ts';

const frame = { functionName: 'f', url: 'file:///a%20b/c.js', line: 3, column: 5 };

describe('describeFrame', () => {
  it('shows a path for a file, and other addresses as they are', () => {
    expect(describeFrame(frame)).toBe('f (/a b/c.js:3:5)');
    expect(describeFrame({ ...frame, url: 'node:fs' })).toBe('f (node:fs:3:5)');
    expect(describeFrame({ ...frame, url: 'file:///a%2Fb.js' })).toBe('f (file:///a%2Fb.js:3:5)');
    expect(describeFrame({ ...frame, functionName: '', url: '' })).toBe('<anonymous>:3:5');
  });
});

describe('describeStack', () => {
  it('says how many frames it leaves out', () => {
    expect(describeStack([frame], 4)).toBe('at f (/a b/c.js:3:5)\n… and 3 more frames');
    expect(describeStack([frame], 1)).toBe('at f (/a b/c.js:3:5)');
  });
});
