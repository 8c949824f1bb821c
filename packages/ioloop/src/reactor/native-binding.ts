import type { TlsBinding } from './tls-binding.ts';

/**
 * The interface between JavaScript and `native/reactor.c`: thin system calls on slots, without policy.
 *
 * A slot is an index into the native table of descriptors that this environment owns. It is valid only together with
 * the generation under which it was created. A call with a dead (slot, generation) pair throws an Error with the code
 * `ERR_REACTOR_BAD_SLOT`, and an argument of the wrong type a TypeError with the code `ERR_REACTOR_BAD_ARGUMENT`.
 * Failed system calls return a negative errno and never throw.
 */
export interface NativeBinding extends TlsBinding {
  /** Error numbers such as EAGAIN, as positive numbers, and the numbers of events and options on this platform. */
  readonly constants: NativeConstants;

  /** Opens a non-blocking, close-on-exec socket. @returns slot or -errno */
  socket(domain: number, type: number): number;
  /** The generation of a slot that has just been returned. Never 0 for a live slot. */
  generation(slot: number): number;
  /** Number of live slots, for leak tests. */
  liveSlots(): number;
  /**
   * Duplicates a descriptor that the caller owns into a new slot (F_DUPFD_CLOEXEC). Makes it non-blocking only if
   * `nonBlocking`. @returns slot or -errno
   */
  adopt(fd: number, nonBlocking: boolean): number;
  /**
   * Takes ownership of a descriptor without changing it (for inherited listeners, LISTEN_FDS). accept, connect and
   * sendFile make it non-blocking if necessary. If it is not a socket, recv and the send calls do the same.
   * @returns slot or -errno; -EEXIST if a slot already owns it; the caller then still owns the descriptor
   */
  own(fd: number): number;

  /** `address` is a numeric IPv4 or IPv6 address (a scope id is allowed), matching the family of the socket. */
  bindInet(slot: number, generation: number, address: string, port: number): number;
  /** A path, or an abstract name that starts with NUL. */
  bindUnix(slot: number, generation: number, path: string): number;
  listen(slot: number, generation: number, backlog: number): number;
  /** accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC. Stores the peer's address in the slot. @returns slot or -errno */
  accept(slot: number, generation: number): number;
  /** @returns 0 if connected immediately, or -errno (-EINPROGRESS is the normal case) */
  connectInet(slot: number, generation: number, address: string, port: number): number;
  connectUnix(slot: number, generation: number, path: string): number;
  /**
   * Sends one datagram to a Unix socket, which is a path, or an abstract name that starts with NUL. Never waits.
   * @returns its bytes, or -errno: -EAGAIN if the receiver has too many unread datagrams
   */
  sendUnixDatagram(path: string, bytes: Uint8Array): number;

  /**
   * This call and the next three use read(2) and write(2) if the slot is not a socket. `length` is at least 1. @returns
   * bytes read, 0 at the end, or -errno
   */
  recv(slot: number, generation: number, target: Uint8Array, offset: number, length: number): number;
  /** Sends with MSG_NOSIGNAL. @returns bytes accepted or -errno */
  sendBytes(slot: number, generation: number, bytes: Uint8Array, offset: number, length: number): number;
  /**
   * Sends a string in which every code unit is one byte (latin1), starting at byte `offset`. The caller guarantees the
   * range: code units above 0xFF throw ERR_REACTOR_BAD_ARGUMENT only where the check is free. One call converts at most
   * 256 KiB from `offset` on. A longer string needs several calls, whose total cost is linear.
   */
  sendLatin1(slot: number, generation: number, text: string, offset: number): number;
  /**
   * sendmsg with up to 64 pieces, starting at index `first`; `skip` bytes of that piece have already been sent. Strings
   * are latin1, and one call converts at most 272 KiB of them. @returns bytes accepted or -errno
   */
  sendVector(
    slot: number,
    generation: number,
    pieces: readonly (string | Uint8Array)[],
    first: number,
    skip: number,
  ): number;
  /**
   * Sends consecutive parts of `text`, which is latin1 and at most 256 KiB, one for each of `count` triples (slot,
   * generation, bytes). The third number of each triple is replaced by the result of its send: bytes accepted or
   * -errno; -EBADF for a dead pair; the result of `tlsSendLatin1` for a slot with TLS. Throws, with nothing sent, if the parts do not add up to the whole text.
   */
  sendBatch(triples: Int32Array, count: number, text: string): void;
  /**
   * sendfile(2), limited to the part of a file that is in memory, at most 512 KiB in one call. The caller still owns
   * `fd`. `offset` and `length` (at least 1) are at most 2^53 - 1. Never waits for a disk: pages are probed by preadv2
   * with RWF_NOWAIT.
   *
   * @returns bytes accepted; 0 if the caller must read the bytes itself, because the first ones are not in memory or
   *   lie beyond the end of the file, or because the file system cannot tell; or -errno: -EAGAIN from the connection,
   *   -EINVAL for files that sendfile does not support
   */
  sendFile(slot: number, generation: number, fd: number, offset: number, length: number): number;
  /** how: 0 reading, 1 writing, 2 both */
  shutdown(slot: number, generation: number, how: number): number;
  /** If the slot is watched, EPOLL_CTL_DEL first, then close(2). The pair is dead afterwards. */
  close(slot: number, generation: number): number;
  /** If the slot is watched, EPOLL_CTL_DEL first. The caller then owns the returned descriptor. */
  release(slot: number, generation: number): number;
  /** `option` is a key of constants.options. @returns 0 or -errno */
  setOption(slot: number, generation: number, option: number, value: number): number;
  /** @returns the value (>= 0) or -errno. `ERROR` reads and clears SO_ERROR. */
  getOption(slot: number, generation: number, option: number): number;
  /**
   * @returns `[address, port, family]` for inet (4 or 6), `[path]` for Unix sockets, or -errno. IPv4-mapped addresses
   *   are returned as IPv4.
   */
  localAddress(slot: number, generation: number): NativeAddress | number;
  /** The address that accept stored, or else the result of getpeername. */
  peerAddress(slot: number, generation: number): NativeAddress | number;

  /** epoll_create1. @returns a slot */
  pollerOpen(): number;
  /** op: 1 add, 2 delete, 3 modify. A slot is in at most one poller; adding it to a second one returns -EEXIST. */
  pollerControl(
    poller: number,
    pollerGeneration: number,
    op: number,
    slot: number,
    generation: number,
    events: number,
  ): number;
  /**
   * epoll_wait into `events`, as triples (slot, generation, events); stale ones are dropped. Blocks for at most
   * `timeoutMs` (0 to 50). @returns number of triples, or -errno
   */
  pollerWait(poller: number, pollerGeneration: number, events: Int32Array, timeoutMs: number): number;
  /**
   * Attaches the poller to Node's loop: calls `callback(count)` once for each wake-up, with `events` filled as by
   * pollerWait. One per environment; a second call throws ERR_REACTOR_BAD_ARGUMENT. Starts ref'd. The callback runs in
   * the root async context. Closing the poller ends the watch; after that another one can be watched.
   */
  watch(
    poller: number,
    pollerGeneration: number,
    events: Int32Array,
    callback: (this: object, count: number) => void,
  ): void;
  /** Whether the watched poller keeps the process alive. Does nothing if none is watched. */
  ref(): void;
  unref(): void;
}

export type NativeAddress = readonly [address: string, port: number, family: 4 | 6] | readonly [path: string];

export interface NativeConstants {
  readonly EAGAIN: number;
  readonly EINPROGRESS: number;
  readonly EINTR: number;
  readonly AF_INET: number;
  readonly AF_INET6: number;
  readonly AF_UNIX: number;
  readonly SOCK_STREAM: number;
  readonly EPOLLIN: number;
  readonly EPOLLOUT: number;
  readonly EPOLLERR: number;
  readonly EPOLLHUP: number;
  readonly EPOLLRDHUP: number;
  /**
   * ERROR, NODELAY, REUSEADDR, REUSEPORT, V6ONLY, KEEPALIVE, RCVBUF, SNDBUF, LINGER_ZERO (value 1: closing resets the
   * connection).
   */
  readonly options: Readonly<Record<NativeOption, number>>;
}

export type NativeOption =
  | 'ERROR'
  | 'NODELAY'
  | 'REUSEADDR'
  | 'REUSEPORT'
  | 'V6ONLY'
  | 'KEEPALIVE'
  | 'RCVBUF'
  | 'SNDBUF'
  | 'LINGER_ZERO';
