import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const conditions = ['@landspout/source', 'node'];

// One run over the whole repository; LANDSPOUT_BACKEND chooses the backend that is under test.
export default defineConfig({
  // Packages are tested from their sources, so that a stale build of a package below never answers.
  ssr: { resolve: { conditions } },
  resolve: { conditions },
  test: {
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'apps/*/{src,test}/**/*.test.ts',
      'tooling/*/test/**/*.test.ts',
    ],
    // Processes, not threads: tests send signals, change limits and count descriptors of their own process.
    pool: 'forks',
    // One core stays with the servers and children that tests start, but two workers run even on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Three times what the slowest test without a limit of its own takes on two cores with ten times as much to do. A test
    // that hangs still ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    // Instead of one second, which a busy machine needs for much less than a page in a browser.
    expect: { poll: { timeout: 20_000 } },
    allowOnly: false,
    passWithNoTests: false,
  },
});
