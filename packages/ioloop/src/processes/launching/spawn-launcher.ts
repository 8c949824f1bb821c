import { type ChildProcess, spawn } from 'node:child_process';
import type { NativeBinding } from '../../reactor/native-binding.ts';
import { toEnvironment } from '../messages/task-record.ts';
import { inspectPortOf, usesInspector } from './child-program.ts';
import { HeldListeners } from './held-listeners.ts';
import { type ChildLauncher, type LaunchPlan, recordOf } from './launch-plan.ts';

/** What a child has before its listeners: standard input, output and error, and the channel to its parent. */
const STDIO = ['inherit', 'inherit', 'inherit', 'ipc'] as const;

/** Starts children on the native backend, which inherit the listeners that the parent holds. */
export class SpawnLauncher implements ChildLauncher {
  readonly #plan: LaunchPlan;
  readonly #held: HeldListeners;

  private constructor(plan: LaunchPlan, held: HeldListeners) {
    this.#plan = plan;
    this.#held = held;
  }

  /** @throws SystemError such as `EADDRINUSE`, with nothing left open. */
  static async open(plan: LaunchPlan, binding: NativeBinding): Promise<SpawnLauncher> {
    return new SpawnLauncher(plan, await HeldListeners.open(binding, plan.requests, plan.count));
  }

  launch(taskId: number): ChildProcess {
    const { file, args, execArgv, env } = this.#plan.program;
    const held = this.#held.of(taskId);
    // In the child they have the numbers of their places.
    let next: number = STDIO.length;
    const listeners = held.map((fds) => ({ fd: fds.map(() => next++) }));
    const inspect = usesInspector(execArgv) ? [`--inspect-port=${inspectPortOf(taskId)}`] : [];
    return spawn(process.execPath, [...execArgv, ...inspect, file, ...args], {
      stdio: [...STDIO, ...held.flat()],
      env: { ...process.env, ...env, ...toEnvironment(recordOf(this.#plan, taskId, listeners)) },
      windowsHide: true,
    });
  }

  release(taskId: number): void {
    this.#held.close(taskId);
  }
}
