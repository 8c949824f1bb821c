import { cp } from 'node:fs/promises';
import { library } from '@landspout/tooling-tsup';

export default {
  ...library(['src/main.ts', 'src/programs/greeter.ts']),
  // The demo is run, not imported: it needs no declarations, but the files of the page.
  onSuccess: () => cp('src/chat/public', 'dist/public', { recursive: true }),
};
