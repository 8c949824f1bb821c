import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { WebSocketHandler } from '../../src/index.ts';
import { openDescriptors, until, withApp } from '../fixtures/running-application.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const PROGRAM = fileURLToPath(new URL('../fixtures/crowd-program.mjs', import.meta.url));

/** Fewer in continuous integration, whose processes may have few descriptors. */
const CROWD = process.env.CI === undefined ? 10_000 : 2_000;

/** How often the connection of each handler was reported as closed, without keeping the handler. */
let closes = new Uint8Array(0);
let opened = 0;
let closed = 0;
let alive = 0;
const collected = new FinalizationRegistry<undefined>(() => {
  alive -= 1;
});

class Member extends WebSocketHandler {
  readonly #number = opened;

  override onOpen(): void {
    opened += 1;
    for (const object of [this, this.request]) {
      alive += 1;
      collected.register(object, undefined);
    }
  }

  override onMessage(message: string | Uint8Array): unknown {
    return this.writeMessage(message);
  }

  override onClose(): void {
    closed += 1;
    closes[this.#number] = (closes[this.#number] as number) + 1;
    if (this.closeCode !== 1006) throw new Error(`close code ${this.closeCode}`);
  }

  override connectionOptions() {
    return { pingIntervalMs: 60_000 };
  }
}

const WAYS: readonly [string, (crowd: ChildProcess) => void][] = [
  ['by the end of their process', (crowd) => crowd.kill('SIGKILL')],
  ['by resets', (crowd) => crowd.stdin?.write('reset\n')],
];

describe('a crowd of WebSockets', () => {
  it.each(WAYS)(
    'that is dropped at once %s is closed once each, and leaves no handler behind [WS-15] [ATT-73]',
    async (_way, drop) => {
      closes = new Uint8Array(CROWD);
      opened = 0;
      closed = 0;
      alive = 0;
      await withApp([['/', Member]], async ({ port, server, log }) => {
        const descriptors = openDescriptors();
        const crowd = spawn(process.execPath, [PROGRAM, String(port), String(CROWD)], {
          stdio: ['pipe', 'pipe', 'inherit'],
        });
        const exited = once(crowd, 'exit');
        try {
          await once(createInterface(crowd.stdout), 'line');
          await until(() => opened === CROWD);
          expect(alive).toBeGreaterThanOrEqual(CROWD);
          drop(crowd);
          await until(() => closed === CROWD);
          expect(server.stats().open).toBe(0);
        } finally {
          crowd.kill('SIGKILL');
          await exited;
        }
        for (let round = 0; round < 100 && alive > 0; round += 1) {
          collectGarbage();
          await new Promise((resolve) => setImmediate(resolve));
        }
        // The last ones may be held by caches of the parser and by the frames of callers.
        expect(alive).toBeLessThanOrEqual(6);
        expect(closes.every((count) => count === 1)).toBe(true);
        expect(log.problems).toEqual([]);
        await until(() => openDescriptors() <= descriptors);
      });
    },
    120_000,
  );
});
