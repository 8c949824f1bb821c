/**
 * One step of a gate.
 *
 * @typedef {object} Step
 * @property {string} name - what the step is for, as the person who waits reads it.
 * @property {readonly string[]} command
 * @property {boolean} [required] - true when nothing after it makes sense without it.
 */

const turbo = (/** @type {string[]} */ ...args) => ['turbo', 'run', ...args];

/** Without turbo's prefix on each line: one task alone writes as if it had been started directly. */
const alone = (/** @type {string} */ task) => turbo(task, '--log-prefix=none');

/** The suite comes last, so that the counts end the output. @type {readonly Step[]} */
const TEST = [
  {
    name: 'building the packages, and the native addon where a C compiler is found',
    command: turbo('build'),
    required: true,
  },
  {
    name: 'checking types, format and lint, and the order of the layers',
    command: turbo('typecheck', '//#typecheck:tooling', '//#lint:root', '//#check:layers', '--continue'),
  },
  { name: 'checking the packages as they would be published', command: turbo('check:package', '--continue') },
  { name: 'running the test suite on the native backend', command: alone('//#test:native') },
  {
    name: 'running the tests that use TLS over node:tls on the native backend',
    command: alone('//#test:node-tls'),
  },
  { name: 'running the same suite on the portable backend', command: alone('//#test:portable') },
  {
    name: 'comparing the runs: the same tests, none skipped',
    command: [process.execPath, 'tooling/vitest/compare-counts.mjs'],
  },
];

/** What is about the repository rather than about behaviour. @type {readonly Step[]} */
const REPO = [
  { name: 'building the packages', command: turbo('build'), required: true },
  {
    name: 'building and running the demo as its Dockerfile does',
    command: [process.execPath, 'tooling/checks/dockerfile.mjs'],
  },
  {
    name: 'looking for unused files, exports and dependencies',
    command: ['knip', '--config', 'tooling/knip/knip.json', '--no-config-hints'],
  },
  { name: 'checking the changesets', command: [process.execPath, 'tooling/checks/changesets.mjs'] },
  {
    name: 'checking that docs/errors.md is up to date',
    command: [process.execPath, 'tooling/docs/errors.mjs', '--check'],
  },
  {
    name: 'checking that docs/api is what the packages export',
    command: [process.execPath, 'tooling/api/main.mjs', '--check'],
  },
  {
    name: 'checking that the links between pages, and from them to files, lead somewhere',
    command: [process.execPath, 'tooling/docs/links.mjs'],
  },
  {
    name: 'checking that the stack in README.md and ARCHITECTURE.md is up to date',
    command: [process.execPath, 'tooling/docs/stack.mjs', '--check'],
  },
  {
    name: 'installing each packed package alone, running and compiling a program against it',
    command: [process.execPath, 'tooling/checks/tarballs.mjs'],
  },
  {
    name: 'following "Your own app" of the README from an empty folder to a running server',
    command: [process.execPath, 'tooling/checks/first-app.mjs'],
  },
];

/** @type {ReadonlyMap<string, readonly Step[]>} */
export const GATES = new Map([
  ['test', TEST],
  ['repo', REPO],
]);
