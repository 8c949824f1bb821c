import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './packages.mjs';
import { pnpm, runCommand } from './run-command.mjs';

/**
 * A consumer: a project outside the workspace that installs our tarballs as a stranger would, with plain npm.
 *
 * @typedef {import('./packages.mjs').PublishedPackage} PublishedPackage
 */

const require = createRequire(import.meta.url);
const PROGRAMS = fileURLToPath(new URL('programs', import.meta.url));

/** How long one program may take; it should need a second. */
const PROGRAM_TIMEOUT_MS = 60_000;

/**
 * Packs every package into one folder.
 *
 * @param {PublishedPackage[]} packages
 * @param {string} folder
 * @returns {Map<string, string>} the tarball of each package, by name.
 */
export function packAll(packages, folder) {
  mkdirSync(folder, { recursive: true });
  const command = pnpm();
  return new Map(
    packages.map(({ name, folder: own }) => {
      const before = new Set(readdirSync(folder));
      runCommand([...command, 'pack', '--pack-destination', folder], {
        cwd: path.join(ROOT, 'packages', own),
      });
      const tarball = readdirSync(folder).find((file) => !before.has(file));
      if (tarball === undefined) throw new Error(`packing ${name} left no tarball`);
      return [name, path.join(folder, tarball)];
    }),
  );
}

/**
 * Makes a project and installs tarballs into it. Only third-party dependencies come from the registry.
 *
 * @param {string} folder
 * @param {string[]} tarballs
 */
export function installInto(folder, tarballs) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline', '--ignore-scripts'];
  const relative = tarballs.map((tarball) => path.relative(folder, tarball));
  runCommand(['npm', 'install', ...quiet, ...relative], { cwd: folder, env: cleanEnv() });
}

/**
 * Runs the package's program from `programs/`, or one that imports every door where there is none.
 *
 * @param {string} folder - where the package is installed.
 * @param {PublishedPackage} own
 * @param {readonly string[]} [node] - the Node to run it on.
 * @returns {string} what the program wrote.
 */
export function runProgram(folder, own, node = [process.execPath]) {
  const program = `${own.folder}.mjs`;
  if (readdirSync(PROGRAMS).includes(program))
    cpSync(path.join(PROGRAMS, program), path.join(folder, program));
  else writeFileSync(path.join(folder, program), own.doors.map((door) => `import '${door}';\n`).join(''));
  return runCommand([...node, program], { cwd: folder, timeoutMs: PROGRAM_TIMEOUT_MS, env: cleanEnv() });
}

/**
 * Compiles a program that imports every door, with the strictest settings a consumer may have.
 *
 * @param {string} folder - where the package is installed.
 * @param {PublishedPackage} own
 */
export function compileTypes(folder, own) {
  const lines = own.doors.map((door, at) => `import * as door${at} from '${door}';\n`);
  const names = own.doors.map((_, at) => `door${at}`).join(', ');
  writeFileSync(path.join(folder, 'types.ts'), `${lines.join('')}export const doors = [${names}];\n`);
  const files = readdirSync(PROGRAMS).filter((file) => file === `${own.folder}.ts`);
  for (const file of files) cpSync(path.join(PROGRAMS, file), path.join(folder, file));
  const compilerOptions = {
    ...{ target: 'es2022', module: 'nodenext', types: ['node'], noEmit: true },
    ...{
      strict: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
    },
  };
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['types.ts', ...files] }),
  );
  linkNodeTypes(folder);
  const manifest = require.resolve('typescript/package.json');
  const tsc = path.join(path.dirname(manifest), JSON.parse(readFileSync(manifest, 'utf8')).bin.tsc);
  runCommand([process.execPath, tsc, '-p', 'tsconfig.json'], { cwd: folder });
}

/** The declarations speak of Node's own types, which a TypeScript project on Node has anyway. @param {string} folder */
function linkNodeTypes(folder) {
  const scope = path.join(folder, 'node_modules/@types');
  mkdirSync(scope, { recursive: true });
  symlinkSync(
    path.dirname(require.resolve('@types/node/package.json')),
    path.join(scope, 'node'),
    'junction',
  );
}

/** What pnpm and npm tell their scripts would lead the consumer's npm back into this workspace. */
function cleanEnv() {
  const entries = Object.entries(process.env).filter(
    ([key]) =>
      !/^(npm_(config_(?!registry|cache|userconfig|nodedir)|package_|lifecycle_|execpath|command)|INIT_CWD|NODE_PATH|PNPM_)/i.test(
        key,
      ),
  );
  return Object.fromEntries(entries);
}
