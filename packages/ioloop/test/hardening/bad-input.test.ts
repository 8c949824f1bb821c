import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { CodedError } from '../../src/index.ts';
import { LOOP, PERIODIC } from './fixtures/loop-uses.ts';
import { SELECTOR, SOCKET } from './fixtures/socket-uses.ts';
import { COROUTINES, TIME } from './fixtures/time-uses.ts';
import { LOCKS, QUEUES } from './fixtures/wait-uses.ts';
import { closeOpened, type WrongUse } from './fixtures/wrong-use.ts';

const GROUPS = {
  'the loop': LOOP,
  'a periodic callback': PERIODIC,
  'a selector': SELECTOR,
  'a socket': SOCKET,
  'a lock': LOCKS,
  'a queue': QUEUES,
  'a coroutine': COROUTINES,
  time: TIME,
};
/** A refusal comes at once; what is not refused may as well wait for ever. */
const PATIENCE_MS = 50;

// On the portable backend, what needs readiness is refused with a code of its own, whatever it is given.
for (const [subject, uses] of Object.entries(GROUPS)) {
  describe(`wrong use of ${subject}`, () => {
    afterEach(closeOpened);

    for (const { name, values, attempt } of uses) {
      it(`is refused with a code: ${name}`, async () => {
        for (const value of values) {
          const error = await refusalOf(attempt, value);
          const label = inspect(value, { depth: 1 });
          expect(error, label).toBeInstanceOf(CodedError);
          expect((error as CodedError).code, label).toMatch(/^E[A-Z_]+$/);
        }
      });
    }
  });
}

/** What `attempt` throws or rejects with; else a text that says what came of it. */
async function refusalOf(attempt: WrongUse['attempt'], value: unknown): Promise<unknown> {
  try {
    const result = attempt(value as never);
    const pending = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, 'still pending'));
    return `accepted: ${inspect(await Promise.race([result, pending]))}`;
  } catch (error) {
    return error;
  }
}
