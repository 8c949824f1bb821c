import { consoleLogger } from '../logger.ts';
import { FlushQueue } from './flush-queue.ts';
import { loadNative } from './load-native.ts';
import { Reactor } from './reactor.ts';

/** Which of the two backends carries the streams. */
export type Backend = 'native' | 'portable';

/** What all loops of one thread share. */
export interface ThreadBackend {
  readonly backend: Backend;
  /** Why this backend runs, in words for a person. */
  readonly reason: string;
  /** One epoll instance serves the whole thread; `undefined` on the portable backend. */
  readonly reactor: Reactor | undefined;
  readonly flushes: FlushQueue;
}

let shared: ThreadBackend | undefined;

/** The backend of this thread, chosen at the first call. @throws LoopUsageError `ERR_LOOP_BACKEND`. */
export function threadBackend(): ThreadBackend {
  shared ??= chooseBackend();
  return shared;
}

function chooseBackend(): ThreadBackend {
  const flushes = new FlushQueue(consoleLogger);
  const native = loadNative();
  if (!('binding' in native))
    return { backend: 'portable', reason: native.reason, reactor: undefined, flushes };
  const reactor = new Reactor(native.binding, flushes, consoleLogger);
  return {
    backend: 'native',
    reason: 'the native reactor is here and this system has epoll',
    reactor,
    flushes,
  };
}
