import { closeSync, openSync } from 'node:fs';
import { afterEach, describe, expect } from 'vitest';
import { DefaultSelector, EVENT_READ, IOLoop, Socket } from '../../src/index.ts';
import { nativeIt } from '../fixtures/native-case.ts';
import { boundSocket, closeOpened, open, openSelector } from './fixtures/wrong-use.ts';

/** One descriptor is watched by one, whoever that is; and a close ends it, whatever comes after. */
describe('a watched Socket', () => {
  afterEach(closeOpened);

  nativeIt(
    'is refused by the loop while a selector has it, and by a selector while the loop has it',
    () => {
      const loop = new IOLoop();
      const selector = openSelector();
      const [first, second] = [boundSocket(), boundSocket()];
      const taken = expect.objectContaining({ name: 'LoopUsageError', code: 'ERR_LOOP_ALREADY_REGISTERED' });
      selector.register(first, EVENT_READ, 0);
      loop.addHandler(second, IOLoop.READ, () => {});
      expect(() => loop.addHandler(first, IOLoop.READ, () => {})).toThrow(taken);
      expect(() => selector.register(second, EVENT_READ, 0)).toThrow(taken);
      // Given up by the one, it is free for the other.
      selector.unregister(first);
      loop.removeHandler(second);
      loop.addHandler(first, IOLoop.READ, () => {});
      selector.register(second, EVENT_READ, 0);
      loop.removeHandler(first);
    },
    () => new DefaultSelector(),
  );

  nativeIt(
    'that is closed says so when its handler is updated, and is removed without harm to the heir of its slot',
    async () => {
      const loop = new IOLoop();
      const socket = boundSocket();
      loop.addHandler(socket, IOLoop.READ, () => {});
      socket.close();
      expect(() => loop.updateHandler(socket, IOLoop.WRITE)).toThrow(
        expect.objectContaining({ name: 'LoopClosedError', code: 'ERR_LOOP_CLOSED' }),
      );
      const heir = open(Socket.tcp());
      expect(heir.descriptor.slot).toBe(socket.descriptor.slot);
      // A socket that is not connected is ready to be told so.
      const heard = new Promise((resolve) => loop.addHandler(heir, IOLoop.WRITE, resolve));
      loop.removeHandler(socket);
      expect(await heard).toBe(heir);
      loop.removeHandler(heir);
    },
    () => Socket.tcp(),
  );

  nativeIt(
    'takes no descriptor of the number of one that was closed for the same',
    async () => {
      const loop = new IOLoop();
      const first = openSync('/dev/ptmx', 'r+');
      loop.addHandler(first, IOLoop.READ, () => {});
      loop.removeHandler(first);
      closeSync(first);
      const second = openSync('/dev/ptmx', 'r+');
      expect(second).toBe(first);
      const heard = new Promise((resolve) => loop.addHandler(second, IOLoop.WRITE, resolve));
      expect(await heard).toBe(second);
      loop.removeHandler(second);
      closeSync(second);
    },
    () => new IOLoop().addHandler(0, IOLoop.READ, () => {}),
  );
});
