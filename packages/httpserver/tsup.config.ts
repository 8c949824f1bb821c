import { library } from '@landspout/tooling-tsup';

export default library(['src/index.ts', 'src/node/index.ts', 'src/fetch/index.ts']);
