import { isMainThread } from 'node:worker_threads';
import { shownText } from '@landspout/ioloop/errors';
import { ListenUsageError } from '../errors.ts';

/** A socket that a service manager opened for this process. */
export interface SystemdSocket {
  readonly fd: number;
  /** Its `FileDescriptorName=`, by default the name of its unit; `unknown` if the service manager passed no names. */
  readonly name: string;
}

let passed: PassedSockets | undefined;

/**
 * Returns the sockets that systemd, or another service manager with the same protocol, passed to this process
 * (sd_listen_fds(3)), except those that a server has already taken over. This function does not check that they are
 * sockets; listening on them does.
 *
 * The environment is read once, at the first call of this function or of `listen({ systemd })`. LISTEN_PID, LISTEN_FDS
 * and LISTEN_FDNAMES are then removed from it, so that child processes do not use them. Children do not inherit the
 * descriptors themselves, because Node marks all of them close-on-exec when it starts. Call it in the main thread only.
 *
 * @throws ListenUsageError `ERR_LISTEN_NOT_ACTIVATED` if there are no such sockets, for example if the program was
 *   started by hand; `ERR_LISTEN_ACTIVATION` if the variables are invalid or contradict each other.
 *
 * @example
 * await server.listen({ systemd: true }); // all of them
 * await admin.listen({ systemd: 'admin.socket' }); // those with FileDescriptorName=admin.socket
 */
export function systemdSockets(): readonly SystemdSocket[] {
  return passedSockets().remaining;
}

/**
 * Returns the descriptors of the sockets with `name`, or of all sockets if `name` is `true`, and marks them as taken.
 */
export function takeSystemdSockets(name: string | true): readonly number[] {
  return passedSockets().take(name);
}

function passedSockets(): PassedSockets {
  passed ??= PassedSockets.read(process.env, process.pid, isMainThread);
  return passed;
}

/** SD_LISTEN_FDS_START of sd-daemon.h: descriptors 0 to 2 are standard input, output and error. */
const FIRST_DESCRIPTOR = 3;
/** Maximum number of descriptors. It is above systemd's own limit for a service, so a greater number is a mistake. */
const MOST_DESCRIPTORS = 4_096;
const VARIABLES = ['LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const;

/** The sockets that were passed to one process (sd_listen_fds(3)), and which of them are not taken yet. */
export class PassedSockets {
  #remaining: readonly SystemdSocket[];

  private constructor(sockets: readonly SystemdSocket[]) {
    this.#remaining = sockets;
  }

  /**
   * Reads the environment variables and removes them, valid or not.
   *
   * @param isOwner - whether this thread may use the descriptors. A worker thread may not, although it has a copy of
   *   the environment.
   * @throws ListenUsageError `ERR_LISTEN_NOT_ACTIVATED`, `ERR_LISTEN_ACTIVATION`.
   */
  static read(env: NodeJS.ProcessEnv, pid: number, isOwner: boolean): PassedSockets {
    if (!isOwner)
      throw contradiction('only the main thread can use the sockets that were passed, and this is a worker');
    const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
    for (const variable of VARIABLES) delete env[variable];
    if (LISTEN_PID === undefined && LISTEN_FDS === undefined) {
      throw absent('LISTEN_PID and LISTEN_FDS are not set');
    }
    const forPid = toCount('LISTEN_PID', LISTEN_PID, Number.MAX_SAFE_INTEGER);
    if (forPid !== pid) throw absent(`the sockets are for process ${forPid}, and this is process ${pid}`);
    const count = toCount('LISTEN_FDS', LISTEN_FDS, MOST_DESCRIPTORS);
    if (count === 0) throw absent('LISTEN_FDS is 0');
    const names = LISTEN_FDNAMES?.split(':') ?? Array<string>(count).fill('unknown');
    if (names.length !== count) {
      throw contradiction(`LISTEN_FDNAMES has ${names.length} names for LISTEN_FDS=${count}`);
    }
    return new PassedSockets(names.map((name, i) => ({ fd: FIRST_DESCRIPTOR + i, name })));
  }

  /** The sockets that are not taken yet. */
  get remaining(): readonly SystemdSocket[] {
    return this.#remaining;
  }

  /**
   * Takes the sockets with `name`, or all remaining sockets if `name` is `true`.
   *
   * @throws ListenUsageError if there are none.
   */
  take(name: string | true): readonly number[] {
    const isWanted = (socket: SystemdSocket): boolean => name === true || socket.name === name;
    const taken = this.#remaining.filter(isWanted);
    if (taken.length === 0) {
      if (name === true || this.#remaining.length === 0) throw absent('all of them are already taken');
      const names = this.#remaining.map((socket) => JSON.stringify(socket.name)).join(', ');
      throw contradiction(`no socket named ${JSON.stringify(name)} is left; those left are named ${names}`);
    }
    this.#remaining = this.#remaining.filter((socket) => !isWanted(socket));
    return taken.map(({ fd }) => fd);
  }
}

function toCount(variable: string, text: string | undefined, most: number): number {
  const count = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : -1;
  if (count >= 0 && count <= most) return count;
  const shown = text === undefined ? 'nothing' : shownText(text, 40);
  throw contradiction(`${variable} must be a whole number from 0 to ${most}, got ${shown}`);
}

function absent(why: string): ListenUsageError {
  return new ListenUsageError('ERR_LISTEN_NOT_ACTIVATED', `systemd: no sockets for this process: ${why}`);
}

function contradiction(what: string): ListenUsageError {
  return new ListenUsageError('ERR_LISTEN_ACTIVATION', `systemd: ${what}`);
}
