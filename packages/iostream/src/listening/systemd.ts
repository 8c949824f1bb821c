import { isMainThread } from 'node:worker_threads';
import { shownText } from '@landspout/ioloop/errors';
import { ListenUsageError } from '../errors.ts';

/** A socket that a service manager has opened for us. */
export interface SystemdSocket {
  readonly fd: number;
  /** What its unit calls it: `FileDescriptorName=`, by default the unit's name; `unknown` where nothing was said. */
  readonly name: string;
}

let passed: PassedSockets | undefined;

/**
 * The sockets that systemd, or whoever speaks its protocol, has passed to this process (sd_listen_fds(3)) and that no
 * server has taken. Reading them says nothing about what they are: listening on one does.
 *
 * The environment is read once, at the first call here or of `listen({ systemd })`, and LISTEN_PID, LISTEN_FDS and
 * LISTEN_FDNAMES are removed from it, so that no child takes them for its own. That a child does not inherit the
 * descriptors themselves is Node's doing, which marks all of them as close-on-exec when it starts. Of the main thread
 * only.
 *
 * @throws ListenUsageError `ERR_LISTEN_NOT_ACTIVATED` when there are none, which is what a program learns that was
 *   started by hand; `ERR_LISTEN_ACTIVATION` when the variables cannot be true.
 *
 * @example
 * await server.listen({ systemd: true }); // all of them
 * await admin.listen({ systemd: 'admin.socket' }); // those with FileDescriptorName=admin.socket
 */
export function systemdSockets(): readonly SystemdSocket[] {
  return passedSockets().remaining;
}

/** For servers: the descriptors of the sockets that have `name`, or with `true` of all, which are taken from then on. */
export function takeSystemdSockets(name: string | true): readonly number[] {
  return passedSockets().take(name);
}

function passedSockets(): PassedSockets {
  passed ??= PassedSockets.read(process.env, process.pid, isMainThread);
  return passed;
}

/** SD_LISTEN_FDS_START of sd-daemon.h: standard input, output and error come before. */
const FIRST_DESCRIPTOR = 3;
/** More than systemd's own limit for a service's descriptors would ever pass; a number like this is a mistake. */
const MOST_DESCRIPTORS = 4_096;
const VARIABLES = ['LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const;

/** The sockets of one process that were passed to it (sd_listen_fds(3)), and which of them are still to be had. */
export class PassedSockets {
  #remaining: readonly SystemdSocket[];

  private constructor(sockets: readonly SystemdSocket[]) {
    this.#remaining = sockets;
  }

  /**
   * Reads what the environment says, and removes it from there, whatever it is.
   *
   * @param isOwner - whether this is the thread that may have the descriptors: a worker has a copy of the environment.
   * @throws ListenUsageError `ERR_LISTEN_NOT_ACTIVATED`, `ERR_LISTEN_ACTIVATION`.
   */
  static read(env: NodeJS.ProcessEnv, pid: number, isOwner: boolean): PassedSockets {
    if (!isOwner) throw contradiction('the main thread has the sockets that were passed, not a worker');
    const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
    for (const variable of VARIABLES) delete env[variable];
    if (LISTEN_PID === undefined && LISTEN_FDS === undefined) {
      throw absent('LISTEN_PID and LISTEN_FDS are not set');
    }
    const forPid = toCount('LISTEN_PID', LISTEN_PID, Number.MAX_SAFE_INTEGER);
    if (forPid !== pid) throw absent(`the sockets are for process ${forPid}, and this is ${pid}`);
    const count = toCount('LISTEN_FDS', LISTEN_FDS, MOST_DESCRIPTORS);
    if (count === 0) throw absent('LISTEN_FDS is 0');
    const names = LISTEN_FDNAMES?.split(':') ?? Array<string>(count).fill('unknown');
    if (names.length !== count) {
      throw contradiction(`LISTEN_FDNAMES has ${names.length} names for LISTEN_FDS=${count}`);
    }
    return new PassedSockets(names.map((name, i) => ({ fd: FIRST_DESCRIPTOR + i, name })));
  }

  /** Those that were not taken. */
  get remaining(): readonly SystemdSocket[] {
    return this.#remaining;
  }

  /** Takes those that have `name`, or with `true` all that are left. @throws ListenUsageError when there are none. */
  take(name: string | true): readonly number[] {
    const isWanted = (socket: SystemdSocket): boolean => name === true || socket.name === name;
    const taken = this.#remaining.filter(isWanted);
    if (taken.length === 0) {
      if (name === true || this.#remaining.length === 0) throw absent('all of the sockets are taken');
      const names = this.#remaining.map((socket) => JSON.stringify(socket.name)).join(', ');
      throw contradiction(`no socket is left with the name ${JSON.stringify(name)}, only ${names}`);
    }
    this.#remaining = this.#remaining.filter((socket) => !isWanted(socket));
    return taken.map(({ fd }) => fd);
  }
}

function toCount(variable: string, text: string | undefined, most: number): number {
  const count = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : -1;
  if (count >= 0 && count <= most) return count;
  const shown = text === undefined ? 'nothing' : shownText(text, 40);
  throw contradiction(`${variable} was expected to be a number up to ${most}, not ${shown}`);
}

function absent(why: string): ListenUsageError {
  return new ListenUsageError('ERR_LISTEN_NOT_ACTIVATED', `systemd: no sockets for this process: ${why}`);
}

function contradiction(what: string): ListenUsageError {
  return new ListenUsageError('ERR_LISTEN_ACTIVATION', `systemd: ${what}`);
}
