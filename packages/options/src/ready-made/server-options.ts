import type { OptionDefinitions } from '../option-types.ts';

/**
 * The options that most servers have: `--port` (and the variable `PORT`), `--host` and `--processes`, in the group
 * `server`. `HOST` is not read, because some shells set it to the name of the machine. Spread them into the
 * definitions of a program, and replace what differs.
 */
export const serverOptions = {
  port: {
    type: 'integer',
    default: 8888,
    min: 0,
    max: 65_535,
    env: 'PORT',
    group: 'server',
    help: 'the port to listen on; 0 chooses a free one',
  },
  host: {
    type: 'string',
    default: '127.0.0.1',
    group: 'server',
    help: 'the address to listen on; 0.0.0.0 for all IPv4 addresses',
  },
  processes: {
    type: 'integer',
    default: 1,
    min: 0,
    max: 1_024,
    group: 'server',
    help: 'the number of processes that share the port; 0 for one per CPU',
  },
} as const satisfies OptionDefinitions;
