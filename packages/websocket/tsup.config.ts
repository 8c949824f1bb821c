import { library } from '@landspout/tooling-tsup';

export default library([
  'src/index.ts',
  'src/browser/index.ts',
  'src/connection/index.ts',
  'src/fetch/index.ts',
  'src/hono/index.ts',
  'src/protocol/index.ts',
  'src/topics/index.ts',
  'src/web-socket/index.ts',
]);
