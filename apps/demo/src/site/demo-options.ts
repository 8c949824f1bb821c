import { isIP } from 'node:net';
import type { StopOptions } from 'landspout/httpserver';
import { cpuCount } from 'landspout/ioloop/processes';

/** Where and how the demo runs. */
export interface DemoOptions {
  /** 0: the system chooses a port. */
  readonly port: number;
  readonly host: string;
  /** The folder for what outlives a restart; see `openDataFolder`. */
  readonly data: string | undefined;
  readonly processes: number | 'cpus';
  /** Where rooms and responses are kept; undefined for a journal. */
  readonly redis: URL | undefined;
}

/** Most time of a stop. Longer than a browser takes; a person in a hurry presses Ctrl-C again. */
export const DRAIN_MS = 8_000;

/** Few tabs a second, so that one can watch: all of them are closed in the first 3 s in any case. */
export const STOP: StopOptions = { drainMs: DRAIN_MS, closesPerSecond: 2 };

/** Whether a parent supervises the processes that serve. */
export function hasParent({ processes }: DemoOptions): boolean {
  return processes !== 1;
}

export function processCount({ processes }: DemoOptions): number {
  return processes === 'cpus' ? cpuCount() : processes;
}

/** Whether pages may kill processes: only those of a person at this machine, and only if others remain to serve. */
export function mayKill(options: DemoOptions): boolean {
  return processCount(options) > 1 && isThisMachine(options.host);
}

/** Whether a name or address of a server is one by which only this machine reaches it. */
export function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
