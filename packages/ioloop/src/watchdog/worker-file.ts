import { existsSync } from 'node:fs';
import { WatchUsageError } from './watch-errors.ts';

/** The worker's file from wherever the build has put this module, and from the sources, which run the built one. */
const PLACES = [
  './watchdog/watchdog-worker.js',
  './watchdog-worker.js',
  '../../dist/watchdog/watchdog-worker.js',
];

/**
 * Where the watchdog's worker is.
 *
 * @throws WatchUsageError `ERR_WATCH_WORKER` when it is not there, as in a program that was bundled into one file:
 *   keep this package outside of the bundle.
 */
export function watchdogWorkerFile(): URL {
  for (const place of PLACES) {
    const url = new URL(place, import.meta.url);
    if (url.protocol === 'file:' && existsSync(url)) return url;
  }
  throw new WatchUsageError(
    'ERR_WATCH_WORKER',
    "watch: the worker's file of @landspout/ioloop is not beside its code; a bundler must leave the package outside",
  );
}
