import { closeSync } from 'node:fs';
import type { NativeBinding } from '../../reactor/native-binding.ts';
import { checked, type Descriptor } from '../../reactor/reactor.ts';
import { addressName, bindRequest, type ListenRequest } from './listen-requests.ts';

/**
 * The listeners that the parent holds for its children: one socket for each task and each address of each request.
 * Sockets with the same address share it by means of SO_REUSEPORT. The parent accepts no connections; it keeps the
 * sockets open so that the backlog of a child is not lost when the child dies.
 */
export class HeldListeners {
  /** Indexed by task, then by request. Empty for a task whose listeners were closed. */
  readonly #descriptors: (readonly (readonly number[])[])[];

  private constructor(descriptors: (readonly (readonly number[])[])[]) {
    this.#descriptors = descriptors;
  }

  /** @throws SystemError such as `EADDRINUSE` or `EMFILE`. Nothing stays open then. */
  static async open(
    binding: NativeBinding,
    requests: readonly ListenRequest[],
    count: number,
  ): Promise<HeldListeners> {
    const opened: Descriptor[][][] = []; // indexed by request, address and task
    try {
      for (const request of requests) opened.push(await openRequest(binding, request, count));
    } catch (error) {
      closeSlots(binding, opened.flat(2));
      throw error;
    }
    const fds = opened.map((groups) =>
      groups.map((group) => group.map(({ slot, generation }) => binding.release(slot, generation))),
    );
    return new HeldListeners(
      Array.from({ length: count }, (_, task) =>
        fds.map((groups) => groups.map((group) => group[task] as number)),
      ),
    );
  }

  /** Returns the file descriptors of one task, in one array for each request. The parent still owns them. */
  of(taskId: number): readonly (readonly number[])[] {
    return this.#descriptors[taskId] ?? [];
  }

  /** Closes the parent's listeners of one task. Once its child has closed them too, new connections are refused. */
  close(taskId: number): void {
    for (const fd of this.of(taskId).flat()) closeSync(fd);
    this.#descriptors[taskId] = [];
  }
}

function openRequest(binding: NativeBinding, request: ListenRequest, count: number): Promise<Descriptor[][]> {
  return bindRequest(request, {
    bind: (address, port) => openGroup(binding, { address, port, backlog: request.backlog, count }),
    portOf: ([first]) => portOf(binding, first as Descriptor),
    close: (group) => closeSlots(binding, group),
  });
}

interface Group {
  readonly address: string;
  readonly port: number;
  readonly backlog: number;
  readonly count: number;
}

/** Opens one socket for each task, all at the same address. They listen only after all are bound. */
function openGroup(binding: NativeBinding, { address, port, backlog, count }: Group): Descriptor[] {
  const group: Descriptor[] = [];
  try {
    const first = openSocket(binding, address);
    group.push(first);
    // The first socket is bound before SO_REUSEPORT is set. Otherwise a second run of the same program would silently
    // share the port instead of failing with EADDRINUSE.
    bind(binding, first, address, port);
    setOption(binding, first, 'REUSEPORT');
    const onePort = portOf(binding, first);
    while (group.length < count) {
      const next = openSocket(binding, address);
      group.push(next);
      setOption(binding, next, 'REUSEPORT');
      bind(binding, next, address, onePort);
    }
    for (const { slot, generation } of group)
      checked(binding.listen(slot, generation, backlog), 'listen', addressName(address, onePort));
    return group;
  } catch (error) {
    closeSlots(binding, group);
    throw error;
  }
}

function openSocket(binding: NativeBinding, address: string): Descriptor {
  const { AF_INET, AF_INET6, SOCK_STREAM } = binding.constants;
  const isV6 = address.includes(':');
  const slot = checked(binding.socket(isV6 ? AF_INET6 : AF_INET, SOCK_STREAM), 'socket');
  const descriptor = { slot, generation: binding.generation(slot) };
  try {
    setOption(binding, descriptor, 'REUSEADDR');
    if (isV6) setOption(binding, descriptor, 'V6ONLY');
    return descriptor;
  } catch (error) {
    closeSlots(binding, [descriptor]);
    throw error;
  }
}

function bind(binding: NativeBinding, { slot, generation }: Descriptor, address: string, port: number): void {
  checked(binding.bindInet(slot, generation, address, port), 'bind', addressName(address, port));
}

function setOption(
  binding: NativeBinding,
  { slot, generation }: Descriptor,
  option: 'REUSEADDR' | 'REUSEPORT' | 'V6ONLY',
): void {
  checked(binding.setOption(slot, generation, binding.constants.options[option], 1), 'setsockopt');
}

function portOf(binding: NativeBinding, { slot, generation }: Descriptor): number {
  const address = binding.localAddress(slot, generation);
  if (typeof address === 'number') checked(address, 'getsockname');
  return (address as readonly [string, number, 4 | 6])[1];
}

function closeSlots(binding: NativeBinding, descriptors: readonly Descriptor[]): void {
  for (const { slot, generation } of descriptors) binding.close(slot, generation);
}
