import { library } from '@landspout/tooling-tsup';

export default library([
  'src/index.ts',
  'src/processes/index.ts',
  'src/executors/index.ts',
  'src/reactor/index.ts',
  'src/errors.ts',
  'src/inspection.ts',
  'src/logging/index.ts',
  'src/testing/index.ts',
  'src/executors/executor-worker.ts',
  'src/watchdog/watchdog-worker.ts',
]);
