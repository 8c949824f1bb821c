import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Starts a tiny server beside this thread, gives its address to `program`, and ends it with the program. */
export async function withGreeter(program: (url: URL) => Promise<void>): Promise<void> {
  const worker = new Worker(new URL('./programs/greeter.js', import.meta.url));
  try {
    const [url] = await once(worker, 'message');
    await program(new URL(url));
  } finally {
    await worker.terminate();
  }
}
