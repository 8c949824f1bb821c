import { describe, expect, it, onTestFinished } from 'vitest';
import type { DoorEnd, DoorHandler, MessageDoor } from '../../src/processes/doors/message-door.ts';
import { doorPair } from '../../src/testing/index.ts';

describe('doorPair', () => {
  it('round trip', async () => {
    const [parent, child] = doorPair();
    onTestFinished(() => {
      parent.kill();
      child.kill();
    });
    const got = await new Promise<string>((resolve) => {
      parent.serveDoor('a', (door) => ({
        message: (m) => void door.send(Buffer.from(`echo ${Buffer.from(m)}`)),
        drained() {},
        closed() {},
      }));
      const door = child.openDoor('a', {
        message: (m) => resolve(Buffer.from(m).toString()),
        drained() {},
        closed() {},
      });
      door.send(Buffer.from('hello'));
    });
    expect(got).toBe('echo hello');
  });
});
