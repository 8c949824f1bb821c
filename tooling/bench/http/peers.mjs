import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { say } from '../progress.mjs';

/**
 * A runtime other than Node, as it was found or not.
 *
 * @typedef {{ command: readonly string[], collects: readonly string[], version: string } | { absent: string }} Peer
 *   `collects` are the flags with which its garbage can be collected.
 */

const MANIFEST = fileURLToPath(new URL('../peers/package.json', import.meta.url));
/** Not in the dependencies of this package, so that no install but ours loads 90 MB of runtimes. */
const INSTALLED = fileURLToPath(new URL('../node_modules/.cache/peers/', import.meta.url));
/** Debian's Python first, since its packages are not those of another one on the path. */
const PYTHONS = ['/usr/bin/python3', 'python3'];

/**
 * Finds these peers, and installs from the npm registry what comes from there, once.
 *
 * @param {ReadonlySet<string>} names @param {string} folder - for what they keep; it goes when we do.
 * @returns {Map<string, Peer>}
 */
export function findPeers(names, folder) {
  const found = new Map();
  const failure = names.has('bun') || names.has('deno') ? install() : undefined;
  if (names.has('bun')) found.set('bun', failure ?? findBun());
  if (names.has('deno')) found.set('deno', failure ?? findDeno(folder));
  if (names.has('tornado')) found.set('tornado', findTornado());
  return found;
}

/** @returns {{ absent: string } | undefined} */
function install() {
  const own = path.join(INSTALLED, 'package.json');
  const complete = path.join(INSTALLED, 'node_modules', '.package-lock.json'); // npm writes it last.
  const wanted = readFileSync(MANIFEST, 'utf8');
  if (existsSync(complete) && readFileSync(own, 'utf8') === wanted) return undefined;
  say('installing Bun and Deno from the npm registry, once: some 90 MB');
  mkdirSync(INSTALLED, { recursive: true });
  copyFileSync(MANIFEST, own);
  // Their install scripts only look for the packages of the platform, which we start ourselves: then the process that
  // is measured is the runtime, and no launcher.
  const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, stderr, error } = spawnSync('npm', ['install', ...flags], {
    cwd: INSTALLED,
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  const [firstLine] = (error?.message ?? stderr).split('\n');
  return { absent: `npm install failed: ${firstLine}` };
}

function findBun() {
  return firstThatRuns('@oven', 'bin/bun', (program) => ({ command: [program], collects: [] }));
}

function findDeno(folder) {
  // Without these it looks for updates and for packages, and keeps files in the home of whoever measures.
  const settings = [
    `DENO_DIR=${path.join(folder, 'deno')}`,
    'DENO_NO_UPDATE_CHECK=1',
    'DENO_NO_PACKAGE_JSON=1',
  ];
  return firstThatRuns('@deno', 'deno', (program) => ({
    command: ['env', ...settings, program, 'run', '--allow-all', '--no-lock'],
    collects: ['--v8-flags=--expose-gc'],
  }));
}

/** Of the packages for platforms that npm chose, such as those for two C libraries. */
function firstThatRuns(scope, file, describe) {
  const packages = path.join(INSTALLED, 'node_modules', scope);
  for (const name of existsSync(packages) ? readdirSync(packages) : []) {
    const program = path.join(packages, name, file);
    const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    if (status === 0)
      return { ...describe(program), version: /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? 'unknown' };
  }
  return { absent: `the npm registry has no ${scope} package that runs here` };
}

function findTornado() {
  for (const python of PYTHONS) {
    const about = [
      '-c',
      'import platform, tornado; print(tornado.version, "on Python", platform.python_version())',
    ];
    const { status, stdout } = spawnSync(python, about, { encoding: 'utf8' });
    if (status === 0) return { command: [python], collects: [], version: stdout.trim() };
  }
  return { absent: 'not installed: apt-get install python3-tornado' };
}
