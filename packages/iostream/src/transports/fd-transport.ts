import { fstatSync } from 'node:fs';
import { Socket as NodeSocket } from 'node:net';
import { isatty, ReadStream, WriteStream } from 'node:tty';
import { IOLoop, SystemError } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { checked, type Descriptor, type Reactor } from '@landspout/ioloop/reactor';
import { streamChecks } from '../errors.ts';
import type { Transport } from '../transport.ts';
import { NodeTransport } from './node-transport.ts';
import { ReactorTransport } from './reactor-transport.ts';

export interface OpenFdOptions {
  /** The direction of the bytes. Default: both; required for a pipe or FIFO. */
  readonly direction?: 'read' | 'write' | 'both' | undefined;
}

const OPEN_FD_OPTIONS: OptionNames<OpenFdOptions> = { direction: true };

/**
 * Takes ownership of an open file descriptor (a pipe, a FIFO, a connected stream socket or a terminal) on the backend
 * of `loop`. Makes the descriptor non-blocking, also for every process that shares its file description, such as a
 * parent process.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if the descriptor cannot be waited for, such as a file; SystemError
 *   `EBADF` if it is not open. The caller still owns the descriptor then.
 */
export function openFd(fd: number, options: OpenFdOptions = {}, loop = IOLoop.current()): Transport {
  streamChecks.options('openFd', options, OPEN_FD_OPTIONS);
  const direction = directionOf(fd, options.direction);
  return loop.reactor === undefined
    ? openNodeFd(fd, direction, loop)
    : openReactorFd(fd, direction, loop, loop.reactor);
}

export function openNodeFd(
  fd: number,
  direction: Transport['direction'],
  loop = IOLoop.current(),
): Transport {
  const readable = direction !== 'write';
  const writable = direction !== 'read';
  try {
    let socket: NodeSocket;
    if (!isatty(fd)) socket = new NodeSocket({ fd, readable, writable, allowHalfOpen: true });
    else socket = readable ? new ReadStream(fd) : new WriteStream(fd);
    return new NodeTransport(socket, { loop, direction });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_INVALID_FD_TYPE') throw unfit(fd);
    throw SystemError.from(error as Error, 'open');
  }
}

function openReactorFd(
  fd: number,
  direction: Transport['direction'],
  loop: IOLoop,
  reactor: Reactor,
): Transport {
  const slot = checked(reactor.binding.own(fd), 'fcntl', `descriptor ${fd}`);
  const descriptor = { slot, generation: reactor.binding.generation(slot) };
  if (!isWatchable(reactor, descriptor)) {
    reactor.binding.release(slot, descriptor.generation);
    throw unfit(fd);
  }
  return new ReactorTransport(loop, reactor, slot, descriptor.generation, direction);
}

/** epoll refuses descriptors that are always ready: files, directories, `/dev/null`. */
function isWatchable(reactor: Reactor, descriptor: Descriptor): boolean {
  try {
    reactor.register(descriptor, 0, { ready() {} });
  } catch (error) {
    if ((error as SystemError).code !== 'EPERM') throw error;
    return false;
  }
  reactor.unregister(descriptor);
  return true;
}

function directionOf(fd: number, direction: OpenFdOptions['direction']): Transport['direction'] {
  if (!Number.isInteger(fd) || fd < 0 || fd >= 2 ** 31)
    throw streamChecks.wrong('fromFd', 'a file descriptor', fd);
  const stats = statOf(fd);
  switch (direction) {
    case 'read':
    case 'write':
      return direction;
    case 'both':
      return undefined;
    case undefined:
      if (stats.isFIFO())
        throw streamChecks.wrong('fromFd', "the direction of the pipe, 'read' or 'write',", direction);
      return undefined;
    default:
      throw streamChecks.wrong('fromFd', "a direction of 'read', 'write' or 'both'", direction);
  }
}

function statOf(fd: number) {
  try {
    return fstatSync(fd);
  } catch (error) {
    throw SystemError.from(error as Error, 'fstat', `descriptor ${fd}`);
  }
}

function unfit(fd: number) {
  return streamChecks.wrong('fromFd', 'a pipe, FIFO, stream socket or terminal', fd);
}
