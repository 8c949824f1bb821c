// Imported by Node into the child of `landspout dev`, before the program: reports what the program loads, and ends the
// process if the parent is gone.

import { childConfig, tellParent } from './child-channel.ts';
import { filesOfError } from './module-paths.ts';
import { reportModules } from './module-reports.ts';
import { killAfterParent } from './parent-watchdog.ts';
import { setFlush } from './pending-reports.ts';

/** How long the process may take to end after its parent is gone. */
const ORPHAN_MS = 2_000;

if (childConfig !== undefined) {
  const use = (file: string) => void tellParent({ landspoutDev: 'uses', file });
  const flush = reportModules(import.meta.url, childConfig.watchModules, use);
  setFlush(flush);
  process.on('uncaughtExceptionMonitor', (error) => {
    for (const file of filesOfError(error)) use(file);
  });
  process.on('exit', flush);
  endWithParent(childConfig.parentPid);
  // Processes that the program starts must not report to it.
  process.execArgv = process.execArgv.filter((argument) => !argument.endsWith(import.meta.url));
}

/** A terminal that is closed, or a parent that is killed, leaves no process behind. */
function endWithParent(parentPid: number): void {
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), ORPHAN_MS).unref();
    process.kill(process.pid, 'SIGTERM');
  });
  // The listener must not keep a program alive that has nothing more to do.
  process.channel?.unref();
  killAfterParent(parentPid, ORPHAN_MS);
}
