import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Starts a small server in another thread, passes its URL to `program`, and stops it when the program ends. */
export async function withGreeter(program: (url: URL) => Promise<void>): Promise<void> {
  const worker = new Worker(new URL('./programs/greeter.js', import.meta.url));
  try {
    const [url] = await once(worker, 'message');
    await program(new URL(url));
  } finally {
    await worker.terminate();
  }
}
