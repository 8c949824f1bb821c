import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { destroyPipes, takePipes } from '../../src/subprocess/node-child-adapter.ts';
import { within } from '../support/within.ts';

/** A child that ends at once, and leaves a grandchild which has all of its pipes. */
function startWithGrandchild(): ChildProcess {
  const child = spawn('sh', ['-c', 'sleep 60 & exit 0'], { detached: true });
  onTestFinished(() => void process.kill(-(child.pid as number), 'SIGKILL'));
  return child;
}

describe("what node-child-adapter.ts relies on of Node's internals", () => {
  it('the pipes that were taken out of `stdin` and `stdio` are left alone at the exit', async () => {
    const child = startWithGrandchild();
    const [stdin, stdout, stderr] = takePipes(child);
    await within(once(child, 'exit'), 'a child without pipes emits no `exit`');
    expect(stdin?.destroyed, 'stdin is destroyed at the exit').toBe(false);
    expect(stdout?.readableFlowing, 'stdout flows after the exit').not.toBe(true);
    expect(stderr?.readableFlowing, 'stderr flows after the exit').not.toBe(true);
    for (const pipe of [stdin, stdout, stderr]) pipe?.destroy();
  });

  it('the pipes of a child that could not be started are in `stdio`', async () => {
    const child = spawn('/nowhere/landspout-canary');
    const failed = once(child, 'error');
    const pipes = [...child.stdio];
    destroyPipes(child);
    await within(failed, 'a start that fails emits no `error`');
    expect(
      pipes.map((pipe) => pipe?.destroyed),
      'a failed start leaves no pipes in `stdio`',
    ).toEqual([true, true, true]);
  });
});
