import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Socket } from '../../src/index.ts';
import { nativeIt } from '../fixtures/native-case.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/life-program.mjs', import.meta.url));

/**
 * Runs a scenario to its end. It is told once it is ready: a program that nothing holds has no turn left to hear
 * that, and prints `idle` instead.
 */
async function run(scenario: string): Promise<string[]> {
  const child = spawn(process.execPath, [PROGRAM, scenario], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {}); // it may be gone by then
  const exited = new Promise<number | null>((resolve) => void child.on('exit', resolve));
  const words: string[] = [];
  for await (const word of createInterface(child.stdout)) {
    words.push(word);
    if (word === 'ready') child.stdin.write('let go\n');
  }
  expect(await exited).toBe(0);
  return words;
}

const HOLDS = ['ready', 'told', 'idle'];
const LETS_GO = ['ready', 'idle'];

/** What does not need readiness, on both backends. */
const EVERYWHERE: Record<string, readonly string[]> = {
  'a loop': LETS_GO,
  'a periodic callback': HOLDS,
  'a periodic callback with ref: false': LETS_GO,
  'a periodic callback that was stopped': LETS_GO,
  'a periodic callback that was not started': LETS_GO,
  'a pending callLater': HOLDS,
  'a pending callAt': HOLDS,
  'a callLater that was removed': LETS_GO,
  'a callback, until it was called': ['called', ...LETS_GO],
  'a future that does not settle': LETS_GO,
  'a sleep': HOLDS,
  'a sleep that was aborted': LETS_GO,
  'a run': HOLDS,
  'a run with a time limit, until it is done': HOLDS,
  'a run that failed': ['failed', ...LETS_GO],
  'a wait with a time limit': HOLDS,
  'a wait for an event with a time limit': HOLDS,
  'waits without a time limit': LETS_GO,
  'a deadline': LETS_GO,
};

const WITH_READINESS: Record<string, readonly string[]> = {
  'a handler of a descriptor': HOLDS,
  'a handler of a descriptor that its owner has closed': HOLDS,
  'a handler that was removed, twice': LETS_GO,
  'a handler that was refused': ['ERR_LOOP_USAGE', ...LETS_GO],
  'the last of many handlers': HOLDS,
  'a handler that was removed and added again': HOLDS,
  'a handler of a Socket, until that is closed': HOLDS,
  'a handler of a Socket that was closed': LETS_GO,
  'an open Socket that nobody watches': LETS_GO,
  'a selector with a socket': LETS_GO,
  'a selector that has waited': LETS_GO,
};

const verb = (words: readonly string[]) => (words.includes('told') ? 'is held by' : 'is not held by');

/** Each runs a program of its own on the built package, with the backend under test. */
describe('a process', () => {
  for (const [scenario, words] of Object.entries(EVERYWHERE)) {
    it(`${verb(words)} ${scenario}`, async () => expect(await run(scenario)).toEqual(words));
  }
  for (const [scenario, words] of Object.entries(WITH_READINESS)) {
    const name = `${verb(words)} ${scenario}`;
    nativeIt(
      name,
      async () => expect(await run(scenario)).toEqual(words),
      () => Socket.tcp(),
    );
  }
});
