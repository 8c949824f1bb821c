import { cp } from 'node:fs/promises';
import { library } from '@landspout/tooling-tsup';

export default {
  ...library(['src/main.ts', 'src/programs/greeter.ts']),
  // The demo is run, not imported: no declarations, but the page goes along.
  onSuccess: () => cp('src/chat/public', 'dist/public', { recursive: true }),
};
