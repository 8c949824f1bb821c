import { library } from '@landspout/tooling-tsup';

export default library(['src/index.ts']);
