import type { Door } from './reader.ts';
import type { Tools } from './scenario.ts';

/** Readers that get their records by messages of the server's process, in place of a network. */
const MESSAGE_DOOR: Door = (server, place, notify) => server.read(place, notify);

/** For the suite, which runs several trials at once on a busy machine. */
export const SHORT_TOOLS: Tools = {
  size: { topics: 2, readersPerServer: 2, pauseMs: 15, records: 30, moveAfter: 40 },
  // 204 readers.
  crowdSize: { topics: 2, readersPerServer: 34, pauseMs: 50, records: 15 },
  pauseMs: 0,
  programOptions: {},
  door: MESSAGE_DOOR,
};
