import type { IOLoop } from '@landspout/ioloop';
import { checked, type Descriptor, type Reactor, systemError } from '@landspout/ioloop/reactor';
import { targetName } from '../addresses/net-address.ts';
import { listenUsage } from '../errors.ts';
import { inheritedError, type ListeningSocket, type ListenTarget } from './listener.ts';
import { type OpenedListener, ReactorListeningSocket } from './reactor-listening-socket.ts';
import {
  claimSocketFile,
  DEFAULT_SOCKET_MODE,
  isAbstract,
  removeSocketFile,
  type UnixSocketFile,
} from './unix-socket-file.ts';

/**
 * Opens a listening socket on the reactor, for the native backend.
 *
 * @throws SystemError such as `EADDRINUSE`; StreamUsageError `ERR_STREAM_USAGE` if a descriptor is not a socket that
 *   can listen, or the native backend does not support an option. Nothing stays open then.
 */
export function openReactorSocket(
  loop: IOLoop,
  reactor: Reactor,
  target: ListenTarget,
  backlog: number,
): ListeningSocket {
  const opened =
    'fd' in target
      ? { descriptor: takeListener(reactor, target.fd, backlog), file: undefined }
      : openListener(reactor, target, backlog);
  return new ReactorListeningSocket(loop, reactor, opened, backlog);
}

/**
 * Takes over an inherited listener. Calling `listen` again sets our backlog, and fails unless the descriptor is an
 * unconnected stream socket.
 */
function takeListener(reactor: Reactor, fd: number, backlog: number): Descriptor {
  const { binding, options } = reactor;
  const slot = binding.own(fd);
  if (slot < 0) throw inheritedError(systemError(slot, 'listen', targetName({ fd })), fd);
  const generation = binding.generation(slot);
  const result = binding.listen(slot, generation, backlog);
  if (result < 0) {
    binding.close(slot, generation);
    throw inheritedError(systemError(result, 'listen', targetName({ fd })), fd);
  }
  // Accepted connections inherit the option, which saves a system call for each. On a Unix socket the call fails, but
  // the option is not needed there.
  binding.setOption(slot, generation, options.NODELAY, 1);
  return { slot, generation };
}

function openListener(
  reactor: Reactor,
  target: Exclude<ListenTarget, { fd: number }>,
  backlog: number,
): OpenedListener {
  const { binding, constants, options } = reactor;
  const isUnix = 'path' in target;
  if (!isUnix && target.cluster) {
    throw listenUsage('cluster can only be used on the portable backend');
  }
  const isV6 = !isUnix && target.address.includes(':');
  const domain = isUnix ? constants.AF_UNIX : isV6 ? constants.AF_INET6 : constants.AF_INET;
  const name = targetName(target);
  const slot = checked(binding.socket(domain, constants.SOCK_STREAM), 'socket');
  const generation = binding.generation(slot);
  let file: UnixSocketFile | undefined;
  try {
    if (isUnix) {
      checked(binding.bindUnix(slot, generation, target.path), 'bind', name);
      if (!isAbstract(target.path)) file = claimSocketFile(target.path, target.mode ?? DEFAULT_SOCKET_MODE);
    } else {
      checked(binding.setOption(slot, generation, options.REUSEADDR, 1), 'setsockopt', name);
      if (target.reusePort)
        checked(binding.setOption(slot, generation, options.REUSEPORT, 1), 'setsockopt', name);
      if (isV6)
        checked(
          binding.setOption(slot, generation, options.V6ONLY, target.v6Only ? 1 : 0),
          'setsockopt',
          name,
        );
      // Accepted connections inherit it, which saves a system call for each.
      checked(binding.setOption(slot, generation, options.NODELAY, 1), 'setsockopt', name);
      checked(binding.bindInet(slot, generation, target.address, target.port), 'bind', name);
    }
    checked(binding.listen(slot, generation, backlog), 'listen', name);
    return { descriptor: { slot, generation }, file };
  } catch (error) {
    if (file !== undefined) removeSocketFile(file);
    binding.close(slot, generation);
    throw error;
  }
}
