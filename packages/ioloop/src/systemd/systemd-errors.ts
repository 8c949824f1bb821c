import { CodedError } from '../errors.ts';

/** Why a notice could not be sent to the service manager, if no system call failed. */
export const SYSTEMD_ERRORS = {
  ERR_SYSTEMD_ADDRESS: {
    meaning:
      'NOTIFY_SOCKET is not an address to which notices can be sent: an absolute path, or an abstract name after `@`, of at most 107 bytes.',
  },
  ERR_SYSTEMD_TOOL: {
    meaning:
      'The portable backend sends notices with the program `systemd-notify`, which is not installed, failed or took longer than 10 s; see the cause.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type SystemdErrorCode = keyof typeof SYSTEMD_ERRORS;

/** A notice was not sent to the service manager. */
export class SystemdNotifyError extends CodedError<SystemdErrorCode> {
  override readonly name = 'SystemdNotifyError';
}
