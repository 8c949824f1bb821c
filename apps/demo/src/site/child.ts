import { type HTTPServer, IOLoop } from 'landspout';
import { type DemoOptions, processCount, STOP } from './demo-options.ts';

/** What a child tells its parent. */
export type ChildMessage =
  | { readonly kind: 'serving'; readonly url: string; readonly backend: string; readonly reason: string }
  /** A page wants this process to be killed. */
  | { readonly kind: 'kill'; readonly pid: number };

/** Answered by each child with the number of its open connections. */
export const CONNECTIONS = 'demo.connections';

/** Makes this process, which a parent has started, serve. */
export async function serveAsChild(server: HTTPServer, options: DemoOptions): Promise<void> {
  const { port, host } = options;
  const task = await server.start({ processes: processCount(options), port, host, stop: STOP });
  task?.answer(CONNECTIONS, () => server.openConnections);
  const { backend, backendReason } = IOLoop.current();
  tellParent({ kind: 'serving', url: server.url, backend, reason: backendReason });
}

export function tellParent(message: ChildMessage): void {
  process.send?.(message);
}
