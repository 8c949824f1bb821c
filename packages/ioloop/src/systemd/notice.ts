// The systemd/ folder tells systemd about this process: what state it is in, and that its loop is not blocked.

import { loopChecks } from '../checks.ts';
import type { OptionNames } from '../option-names.ts';

/** What to tell the service manager. At least one member is required. */
export interface SystemdNotice {
  /** The service has started, or has completed a reload: units of `Type=notify` are now active. */
  readonly ready?: boolean;
  /** The service begins to reload its configuration. Send {@link ready} afterwards. */
  readonly reloading?: boolean;
  /** The service begins to stop. */
  readonly stopping?: boolean;
  /**
   * One line about the state of the service, which `systemctl status` shows. Line breaks and other control characters
   * become spaces, and after 1,000 characters the text is clipped.
   */
  readonly status?: string;
  /** The service works: resets the watchdog of the unit. `startSystemdWatchdog` does it periodically. */
  readonly watchdog?: boolean;
  /**
   * How much longer the start, reload or stop may take, in milliseconds from now, above 0. Has no effect if the unit
   * allows that time anyway.
   */
  readonly extendTimeoutMs?: number;
}

const NOTICE: OptionNames<SystemdNotice> = {
  ready: true,
  reloading: true,
  stopping: true,
  status: true,
  watchdog: true,
  extendTimeoutMs: true,
};

/** systemd ignores datagrams of more than 4,096 bytes, and a character has up to 3. */
const MAX_STATUS_CHARS = 1_000;
/** A line break would start another assignment, such as MAINPID. */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/**
 * Returns the assignments of a notice, such as `READY=1`; see sd_notify(3).
 *
 * @param monotonicUs - the time of CLOCK_MONOTONIC in microseconds, which a reload must state.
 * @throws LoopUsageError `ERR_LOOP_USAGE` if a member is unknown or invalid, or there is none.
 */
export function assignmentsOf(notice: SystemdNotice, monotonicUs: () => bigint): readonly string[] {
  const operation = 'notifySystemd';
  loopChecks.options(operation, notice, NOTICE);
  const { status, extendTimeoutMs } = notice;
  const assignments: string[] = [];
  const isSet = (name: 'ready' | 'reloading' | 'stopping' | 'watchdog'): boolean =>
    loopChecks.boolean(operation, name, notice[name] ?? false);
  if (isSet('ready')) assignments.push('READY=1');
  if (isSet('reloading')) assignments.push('RELOADING=1', `MONOTONIC_USEC=${monotonicUs()}`);
  if (isSet('stopping')) assignments.push('STOPPING=1');
  if (isSet('watchdog')) assignments.push('WATCHDOG=1');
  if (extendTimeoutMs !== undefined) {
    const ms = loopChecks.positiveNumber(operation, 'extendTimeoutMs', extendTimeoutMs);
    assignments.push(`EXTEND_TIMEOUT_USEC=${Math.ceil(ms * 1_000)}`);
  }
  if (status !== undefined) {
    if (typeof status !== 'string') throw loopChecks.wrong(operation, 'status: a string', status);
    assignments.push(`STATUS=${lineOf(status)}`);
  }
  if (assignments.length === 0)
    throw loopChecks.wrong(operation, 'a notice that says something, such as { ready: true },', notice);
  return assignments;
}

function lineOf(status: string): string {
  const line = status
    .slice(0, MAX_STATUS_CHARS + 1)
    .replace(CONTROLS, ' ')
    .trim();
  return line.length > MAX_STATUS_CHARS ? `${line.slice(0, MAX_STATUS_CHARS - 1)}…` : line;
}
