import { defineConfig } from 'vitest/config';

// One run over the whole repository; LANDSPOUT_BACKEND chooses the backend that is under test.
export default defineConfig({
  ssr: { resolve: { conditions: ['@landspout/source', 'node', 'import', 'default'] } },
  resolve: { conditions: ['@landspout/source', 'node', 'import', 'default'] },
  test: {
    include: ['packages/*/{src,test}/**/*.test.ts', 'apps/*/{src,test}/**/*.test.ts', 'tooling/*/test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
