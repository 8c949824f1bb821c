import { library } from '@landspout/tooling-tsup';

export default library([
  'src/index.ts',
  'src/content-coding/index.ts',
  'src/connection/client/index.ts',
  'src/connection/server/index.ts',
  'src/protocol/index.ts',
]);
