/**
 * The words between JavaScript and `native/reactor.c`. Thin system calls on slots; no policy.
 *
 * A slot is an index into the native table of descriptors that this environment owns. It is only valid
 * together with the generation it was made with. Calls that name a dead (slot, generation) pair, or
 * arguments of a wrong type, throw a TypeError or Error whose `code` is one of `ERR_REACTOR_BAD_SLOT`,
 * `ERR_REACTOR_BAD_ARGUMENT`. What the system refuses is returned as a negative errno, never thrown.
 */
export interface NativeBinding {
  /** EAGAIN and friends as positive numbers, and event and option numbers, as this platform has them. */
  readonly constants: NativeConstants;

  /** Opens a non-blocking, close-on-exec socket. @returns slot or -errno */
  socket(domain: number, type: number): number;
  /** The generation of a slot that was just returned. Never 0 for a live slot. */
  generation(slot: number): number;
  /** How many slots are live: what leak tests compare. */
  liveSlots(): number;
  /** Duplicates a descriptor that somebody else owns into a slot of ours (F_DUPFD_CLOEXEC), and makes it non-blocking only if `nonBlocking`. @returns slot or -errno */
  adopt(fd: number, nonBlocking: boolean): number;
  /**
   * Takes ownership of a descriptor as it is (inherited listeners, LISTEN_FDS); accept, connect and sendFile make it
   * non-blocking when it is not, and where it is no socket so do recv and the calls that send. @returns slot or -errno, -EEXIST when we own it already; then it stays yours.
   */
  own(fd: number): number;

  /** `address` is a numeric IPv4 or IPv6 address (scope id allowed) according to the socket's family. */
  bindInet(slot: number, generation: number, address: string, port: number): number;
  /** A path, or an abstract name starting with NUL. */
  bindUnix(slot: number, generation: number, path: string): number;
  listen(slot: number, generation: number, backlog: number): number;
  /** accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC; remembers the peer's address in the slot. @returns slot or -errno */
  accept(slot: number, generation: number): number;
  /** @returns 0 when connected at once, or -errno (-EINPROGRESS is the normal case) */
  connectInet(slot: number, generation: number, address: string, port: number): number;
  connectUnix(slot: number, generation: number, path: string): number;

  /** These four read(2) and write(2) where the slot is no socket. `length` is at least 1. @returns bytes read, 0 at the end, or -errno */
  recv(slot: number, generation: number, target: Uint8Array, offset: number, length: number): number;
  /** MSG_NOSIGNAL always. @returns bytes taken or -errno */
  sendBytes(slot: number, generation: number, bytes: Uint8Array, offset: number, length: number): number;
  /** Sends a string whose every code unit is one byte (latin1), from byte `offset` on. Code units above 0xFF throw ERR_REACTOR_BAD_ARGUMENT only where checking is free: callers guarantee them.
   * One call converts at most 256 KiB from `offset` on: a longer string needs further calls, linear all together. */
  sendLatin1(slot: number, generation: number, text: string, offset: number): number;
  /**
   * sendmsg of up to 64 pieces starting at index `first`; `skip` bytes of that first piece are already sent.
   * Strings are latin1, and one call converts at most 272 KiB of them. @returns bytes taken or -errno
   */
  sendVector(
    slot: number,
    generation: number,
    pieces: readonly (string | Uint8Array)[],
    first: number,
    skip: number,
  ): number;
  /**
   * Sends a part of `text`, which is latin1 and at most 256 KiB, for each of `count` triples (slot, generation, bytes),
   * one part behind the other. What each send answers takes the place of its third number: bytes taken, or -errno;
   * -EBADF for a dead pair. Throws, with nothing sent, when the parts are not all of the text.
   */
  sendBatch(triples: Int32Array, count: number, text: string): void;
  /**
   * sendfile(2) of what is in memory of a file, at most 512 KiB in one call. `fd` stays the caller's; `offset` and
   * `length` (at least 1) go up to 2^53 - 1. Never waits for a disk: pages are probed by preadv2 with RWF_NOWAIT.
   *
   * @returns bytes taken; 0 when the first ones are not in memory or lie behind the end of the file, or when the file
   *   system cannot say, so that they have to be read; or -errno: -EAGAIN from the connection, -EINVAL for files that
   *   sendfile does not know
   */
  sendFile(slot: number, generation: number, fd: number, offset: number, length: number): number;
  /** how: 0 reading, 1 writing, 2 both */
  shutdown(slot: number, generation: number, how: number): number;
  /** EPOLL_CTL_DEL first when the slot is watched, then close(2). The pair is dead afterwards. */
  close(slot: number, generation: number): number;
  /** EPOLL_CTL_DEL first when watched, then gives the descriptor away: the caller owns the returned fd. */
  release(slot: number, generation: number): number;
  /** `option` is a key of constants.options. @returns 0 or -errno */
  setOption(slot: number, generation: number, option: number, value: number): number;
  /** @returns the value (>= 0) or -errno. `ERROR` reads and clears SO_ERROR. */
  getOption(slot: number, generation: number, option: number): number;
  /** `[address, port, family]` for inet (4 or 6), `[path]` for Unix sockets, or -errno. v4-mapped addresses come as v4. */
  localAddress(slot: number, generation: number): NativeAddress | number;
  /** As accept saw it, or getpeername. */
  peerAddress(slot: number, generation: number): NativeAddress | number;

  /** epoll_create1. @returns a slot */
  pollerOpen(): number;
  /** op: 1 add, 2 delete, 3 modify. A slot is in at most one poller; adding it to a second one is -EEXIST. */
  pollerControl(
    poller: number,
    pollerGeneration: number,
    op: number,
    slot: number,
    generation: number,
    events: number,
  ): number;
  /** epoll_wait into `events` as triples (slot, generation, events); stale ones are dropped. Blocks at most `timeoutMs` (0 to 50). @returns triples or -errno */
  pollerWait(poller: number, pollerGeneration: number, events: Int32Array, timeoutMs: number): number;
  /**
   * Hangs the poller into Node's loop: `callback(count)` once per wake-up, with `events` filled as by pollerWait.
   * One per environment; a second call throws ERR_REACTOR_BAD_ARGUMENT. Starts ref'd. Runs in the root async
   * context. Ends with the close of the poller; then another one may be watched.
   */
  watch(
    poller: number,
    pollerGeneration: number,
    events: Int32Array,
    callback: (this: object, count: number) => void,
  ): void;
  /** Whether the watched poller keeps the process alive; nothing happens when none is watched. */
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
  /** ERROR, NODELAY, REUSEADDR, REUSEPORT, V6ONLY, KEEPALIVE, RCVBUF, SNDBUF, LINGER_ZERO (value 1: a close resets). */
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
