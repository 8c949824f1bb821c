// A function that takes long, in a thread of its own.
import { Buffer } from 'node:buffer';
import type { pbkdf2Sync } from 'node:crypto';
import { IOLoop, multi } from 'landspout';
import type { ExecutorTask } from 'landspout/ioloop/executors';

/** The function that threads call. In an application it is mostly in a module of its own. */
const PBKDF2: ExecutorTask<typeof pbkdf2Sync> = { module: 'node:crypto', export: 'pbkdf2Sync' };

async function derive(password: string): Promise<string> {
  const args = [password, 'a salt for each user', 10_000, 16, 'sha256'] as const;
  const key = await IOLoop.current().runInExecutor(PBKDF2, args);
  return Buffer.from(key).toString('hex');
}

const keys = await multi([derive('secret'), derive('hunter2')]);
console.log(keys.join('\n'));
