import type { SystemError } from '@landspout/ioloop';
import { StreamUsageError } from '../errors.ts';

/** What says that a descriptor is none, belongs to a listener already, or is no socket that can listen. */
const UNFIT = new Set(['EBADF', 'EEXIST', 'EINVAL', 'ENOTSOCK', 'ENOTSUP', 'EOPNOTSUPP']);

/** The error for a descriptor that cannot be taken over: systems and backends differ in how they put it. */
export function inheritedError(error: SystemError, fd: number): SystemError | StreamUsageError {
  if (!UNFIT.has(error.code)) return error;
  return new StreamUsageError(
    'ERR_STREAM_USAGE',
    `listen: descriptor ${fd} is no stream socket that can listen, or has a listener already (${error.code})`,
    { cause: error },
  );
}
