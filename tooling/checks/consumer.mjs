import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ROOT } from './packages.mjs';
import { pnpm, runCommand } from './run-command.mjs';

/**
 * A consumer: a project outside the workspace that installs our tarballs as a stranger would, with plain npm.
 *
 * @typedef {import('./packages.mjs').PublishedPackage} PublishedPackage
 */

const require = createRequire(import.meta.url);

/**
 * Packs every package into one folder, over what an earlier call has left there.
 *
 * @param {PublishedPackage[]} packages
 * @param {string} folder
 * @returns {Map<string, string>} the tarball of each package, by name.
 */
export function packAll(packages, folder) {
  mkdirSync(folder, { recursive: true });
  const command = [...pnpm(), 'pack', '--json', '--pack-destination', path.resolve(folder)];
  return new Map(
    packages.map(({ name, folder: own }) => {
      const { filename } = JSON.parse(runCommand(command, { cwd: path.join(ROOT, 'packages', own) }));
      return [name, filename];
    }),
  );
}

/**
 * Makes a project and installs into it. Of a tarball, only third-party dependencies come from the registry.
 *
 * @param {string} folder
 * @param {string[]} packages - paths of tarballs, or names with versions.
 */
export function installInto(folder, packages) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline', '--ignore-scripts'];
  const wanted = packages.map((one) => (path.isAbsolute(one) ? path.relative(folder, one) : one));
  runCommand(['npm', 'install', ...quiet, ...wanted], { cwd: folder, env: consumerEnv() });
}

/** The declarations speak of Node's own types, which a TypeScript project on Node has anyway. @param {string} folder */
export function linkNodeTypes(folder) {
  const scope = path.join(folder, 'node_modules/@types');
  const link = path.join(scope, 'node');
  mkdirSync(scope, { recursive: true });
  // Other declarations that are installed may have brought a version of their own.
  rmSync(link, { recursive: true, force: true });
  symlinkSync(path.dirname(require.resolve('@types/node/package.json')), link, 'junction');
}

/**
 * How to start the TypeScript compiler that is installed at `from`.
 *
 * @param {string} [from] - a folder with node_modules; default: this repository.
 * @returns {string[]}
 */
export function typescript(from = ROOT) {
  const manifest = createRequire(path.join(from, 'package.json')).resolve('typescript/package.json');
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
  return [process.execPath, path.join(path.dirname(manifest), bin.tsc)];
}

/** What pnpm and npm tell their scripts would lead a consumer back into this workspace, and a backend is its choice. */
export function consumerEnv() {
  const entries = Object.entries(process.env).filter(
    ([key]) =>
      !/^(npm_(config_(?!registry|cache|userconfig|nodedir)|package_|lifecycle_|execpath|command)|INIT_CWD|NODE_PATH|PNPM_|LANDSPOUT_)/i.test(
        key,
      ),
  );
  return Object.fromEntries(entries);
}
