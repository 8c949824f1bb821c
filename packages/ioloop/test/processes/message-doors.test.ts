import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { serveDoor } from '../../src/processes/supervisor/serve-door.ts';
import { Supervised } from './fixtures/supervised.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/door-program.mjs', import.meta.url));

describe('message doors', () => {
  it('carry binary messages both ways', async () => {
    const supervised = new Supervised('echo', { program: PROGRAM, count: 2 });
    const got = new Promise((resolve) => {
      const service = serveDoor('a', (door, child) => {
        door.send(Buffer.from('hello'));
        return {
          message: (m) => resolve([Buffer.from(m).toString(), child.taskId === door.taskId]),
          drained() {},
          closed() {},
        };
      });
      onTestFinished(() => service.close());
    });
    await supervised.supervisor.start();
    expect(await got).toEqual(['hello', true]);
  });
});
