import type { Door } from './reader.ts';

/** Readers that get their records by messages of the server's process, in place of a network. */
export const MESSAGE_DOOR: Door = (server, place, notify) => server.read(place, notify);
