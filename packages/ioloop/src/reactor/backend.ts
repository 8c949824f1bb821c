import { closeSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { consoleLogger } from '../console-logger.ts';
import { LoopUsageError } from '../loop-errors.ts';
import { FlushQueue } from './flush-queue.ts';
import type { NativeBinding } from './native-binding.ts';
import { Reactor } from './reactor.ts';

/** Which of the two backends implements the streams. */
export type Backend = 'native' | 'portable';

/** What all loops of one thread share. */
export interface ThreadBackend {
  readonly backend: Backend;
  /** Why this backend was chosen, as readable text. */
  readonly reason: string;
  /**
   * The reactor, which has the only epoll instance that the loops of this thread use; `undefined` on the portable
   * backend.
   */
  readonly reactor: Reactor | undefined;
  readonly flushes: FlushQueue;
}

let shared: ThreadBackend | undefined;

/** Returns the backend of this thread, which is chosen at the first call. @throws LoopUsageError `ERR_LOOP_BACKEND`. */
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
    reason: 'the native reactor was found, and this system has epoll',
    reactor,
    flushes,
  };
}

/** The native reactor, or the reason why there is none, worded to follow a colon. */
export type NativeLoad = { readonly binding: NativeBinding } | { readonly reason: string };

let loaded: NativeLoad | undefined;

/**
 * Loads the native reactor of this thread, once.
 *
 * The environment variable LANDSPOUT_BACKEND decides: `portable` never loads it, `native` requires it, and without the
 * variable it is used if it is available. Later changes of the variable have no effect.
 *
 * @returns the binding, or the reason why the portable backend is used.
 * @throws LoopUsageError `ERR_LOOP_BACKEND` if `native` was set but is not available, or if the variable has any other
 *   value.
 */
export function loadNative(): NativeLoad {
  loaded ??= choose(process.env.LANDSPOUT_BACKEND ?? '');
  return loaded;
}

/**
 * Returns the binding, for features that need descriptor readiness.
 *
 * @param operation - what needs the native backend, as the start of a sentence, such as `Socket`.
 * @throws LoopUsageError `ERR_LOOP_NOT_SUPPORTED` on the portable backend, with the reason why that one is used.
 */
export function requireNative(operation: string): NativeBinding {
  const native = loadNative();
  if ('binding' in native) return native.binding;
  throw new LoopUsageError(
    'ERR_LOOP_NOT_SUPPORTED',
    `${operation} needs the native backend, but this process uses the portable one: ${native.reason}`,
  );
}

function choose(wish: string): NativeLoad {
  switch (wish) {
    case '':
      return load();
    case 'portable':
      return { reason: 'LANDSPOUT_BACKEND=portable was set' };
    case 'native': {
      const native = load();
      if ('binding' in native) return native;
      throw new LoopUsageError(
        'ERR_LOOP_BACKEND',
        `LANDSPOUT_BACKEND=native was set, but the native backend is not available: ${native.reason}`,
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
  // Bun and Deno can load Node-API addons, but do not run on libuv, whose loop the reactor needs.
  if (process.versions.bun !== undefined)
    return { reason: 'Bun does not use libuv, which the native reactor needs' };
  if ('Deno' in globalThis) return { reason: 'Deno does not use libuv, which the native reactor needs' };

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

/** Returns the C library of this process, as identified by the program interpreter in its ELF header. */
function libc(): 'gnu' | 'musl' {
  try {
    // process.report contains it too, but takes milliseconds to create and makes network lookups.
    const header = Buffer.alloc(4096);
    const fd = openSync('/proc/self/exe', 'r');
    try {
      readSync(fd, header);
    } finally {
      closeSync(fd);
    }
    return header.includes('/ld-musl-') ? 'musl' : 'gnu';
  } catch {
    return 'gnu'; // no /proc; if this guess is wrong, no binary is found or loads, and the reason says so
  }
}
