import { cp } from 'node:fs/promises';
import { library } from '@landspout/tooling-tsup';
import { build } from 'tsup';

export default {
  ...library(['src/main.ts', 'src/programs/greeter.ts']),
  // The demo is run, not imported: it needs no declarations, but the files of the pages.
  onSuccess: async () => {
    await cp('src/public', 'dist/public', { recursive: true, filter: (path) => !path.endsWith('.ts') });
    await build({
      config: false,
      entry: ['src/public/topics-client.ts'],
      outDir: 'dist/public',
      format: 'esm',
      platform: 'browser',
      target: 'es2023',
      noExternal: [/./],
      clean: false,
      silent: true,
    });
  },
};
