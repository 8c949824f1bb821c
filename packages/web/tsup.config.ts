import { library } from '@landspout/tooling-tsup';

export default library([
  'src/index.ts',
  'src/testing/index.ts',
  'src/eta/index.ts',
  'src/linkify/index.ts',
  'src/entities/index.ts',
  'src/topics/index.ts',
  'src/node/index.ts',
  'src/gettext/index.ts',
  'src/oidc/index.ts',
]);
