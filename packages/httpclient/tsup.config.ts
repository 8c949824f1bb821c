import { library } from '@landspout/tooling-tsup';

export default library(['src/index.ts', 'src/connecting/index.ts', 'src/testing/index.ts']);
