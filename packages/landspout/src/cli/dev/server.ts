// The program of the child of `landspout dev`, if the module has a default export: serves it.

import { listen } from '../listening.ts';
import { importServed } from '../served-module.ts';
import { complain } from '../standard-output.ts';
import { CommandFailure, EXIT } from '../wrong-usage.ts';
import { type ChildConfig, childConfig, tellParent } from './child-channel.ts';
import { flushReports } from './pending-reports.ts';

/** How long the program may go on after the server has stopped, for example to close a database. */
const LINGER_MS = 100;

if (childConfig === undefined) throw new Error('this program is started by landspout dev');
await serve(childConfig);

async function serve({ entry, host, port, drainMs }: ChildConfig): Promise<void> {
  const served = await importServed(entry, { debug: true }).catch((error: unknown) => {
    if (!(error instanceof CommandFailure)) throw error;
    complain('dev', error.message);
    process.exit(EXIT.failure);
  });
  flushReports();
  if (served === undefined) {
    await tellParent({ landspoutDev: 'program' });
    return;
  }
  const server = await listen(served, { host, port }).catch(async (error: Error) => {
    await tellParent({ landspoutDev: 'refused', problem: error.message });
    process.exit(EXIT.failure);
  });
  const { stopped } = server.stopOnSignals({
    graceMs: 0,
    drainMs,
    closesPerSecond: Number.POSITIVE_INFINITY,
  });
  await tellParent({ landspoutDev: 'serves', url: server.url, port: Number(new URL(server.url).port) });
  await stopped;
  // Timers of the program do not keep the old process alive.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}
