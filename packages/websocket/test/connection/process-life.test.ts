import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { encodeClose, encodeMessage } from '../../src/protocol/index.ts';
import { MASK, RawClient } from '../fixtures/raw-client.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/life-program.mjs', import.meta.url));

describe('an open WebSocket', () => {
  it('keeps its process alive although nothing listens any more, and lets it go when it is closed [WS-03]', async () => {
    const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = new Promise<number | null>((resolve) => void child.on('exit', resolve));
    const words: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      const port = /^port (\d+)$/.exec(line)?.[1];
      if (port === undefined) {
        words.push(line);
        continue;
      }
      const client = await RawClient.open(Number(port));
      // In this time, nothing else would keep the process alive.
      await new Promise((resolve) => setTimeout(resolve, 300));
      client.send(encodeMessage('still here', MASK), encodeClose(1000, '', MASK));
      await client.untilEnd();
    }
    expect(words).toEqual(['still here', 'closed 1000', 'idle']);
    expect(await exited).toBe(0);
  });
});
