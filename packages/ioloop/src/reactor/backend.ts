import { closeSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { consoleLogger } from '../logger.ts';
import { LoopUsageError } from '../loop-errors.ts';
import { FlushQueue } from './flush-queue.ts';
import type { NativeBinding } from './native-binding.ts';
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

/** The native reactor, or why there is none, in words that fit behind a colon. */
export type NativeLoad = { readonly binding: NativeBinding } | { readonly reason: string };

let loaded: NativeLoad | undefined;

/**
 * Loads the native reactor of this thread, once.
 *
 * The environment variable LANDSPOUT_BACKEND decides: `portable` never loads it, `native` insists on it, and
 * without the variable it is taken where it is to be had. Later changes of the variable have no effect.
 *
 * @returns the binding, or the reason why the portable backend runs.
 * @throws LoopUsageError `ERR_LOOP_BACKEND` when `native` was asked for and cannot be had, or when the
 *   variable names something else.
 */
export function loadNative(): NativeLoad {
  loaded ??= choose(process.env.LANDSPOUT_BACKEND ?? '');
  return loaded;
}

/**
 * The binding, for what only readiness can do.
 *
 * @param operation - what the caller wants, as the start of a sentence, such as `Socket`.
 * @throws LoopUsageError `ERR_LOOP_NOT_SUPPORTED` on the portable backend, with the reason why that one runs.
 */
export function requireNative(operation: string): NativeBinding {
  const native = loadNative();
  if ('binding' in native) return native.binding;
  throw new LoopUsageError(
    'ERR_LOOP_NOT_SUPPORTED',
    `${operation} needs the native backend, and the portable one runs: ${native.reason}`,
  );
}

function choose(wish: string): NativeLoad {
  switch (wish) {
    case '':
      return load();
    case 'portable':
      return { reason: 'LANDSPOUT_BACKEND=portable asks for it' };
    case 'native': {
      const native = load();
      if ('binding' in native) return native;
      throw new LoopUsageError(
        'ERR_LOOP_BACKEND',
        `LANDSPOUT_BACKEND=native cannot be met: ${native.reason}`,
      );
    }
    default:
      throw new LoopUsageError(
        'ERR_LOOP_BACKEND',
        `LANDSPOUT_BACKEND must be native, portable or empty, not ${JSON.stringify(wish.slice(0, 40))}`,
      );
  }
}

function load(): NativeLoad {
  if (process.platform !== 'linux') return { reason: `platform ${process.platform} has no epoll` };
  // Both load Node-API addons, but have no libuv behind them, which the reactor hangs itself into.
  if (process.versions.bun !== undefined) return { reason: 'Bun has no libuv to hang the reactor into' };
  if ('Deno' in globalThis) return { reason: 'Deno has no libuv to hang the reactor into' };

  const target = `linux-${process.arch}-${libc()}`;
  const require = createRequire(import.meta.url);
  const path = findBinary(require, target);
  if (path === undefined) {
    return { reason: `no binary for ${target} was found in prebuilds/ of @landspout/ioloop` };
  }
  try {
    return { binding: require(path) as NativeBinding };
  } catch (error) {
    return { reason: `${path} failed to load: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function findBinary(require: NodeJS.Require, target: string): string | undefined {
  try {
    return require.resolve(`../prebuilds/${target}/reactor.node`); // from dist/
  } catch {
    try {
      return require.resolve(`../../prebuilds/${target}/reactor.node`); // from src/reactor/
    } catch {
      return undefined;
    }
  }
}

/** Which C library runs this process: the program interpreter in its ELF header names it. */
function libc(): 'gnu' | 'musl' {
  try {
    // A report of process.report says it too, but takes milliseconds and looks at the network.
    const header = Buffer.alloc(4096);
    const fd = openSync('/proc/self/exe', 'r');
    try {
      readSync(fd, header);
    } finally {
      closeSync(fd);
    }
    return header.includes('/ld-musl-') ? 'musl' : 'gnu';
  } catch {
    return 'gnu'; // no /proc: a wrong guess ends as a reason, not as a crash
  }
}
