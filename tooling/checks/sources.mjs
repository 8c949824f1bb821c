import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { linkNodeTypes } from './consumer.mjs';
import { ROOT } from './packages.mjs';
import { runCommand } from './run-command.mjs';
import { writeExamples } from './run-examples.mjs';

/**
 * What a consumer compiles and runs: the package's program from `programs/`, the samples of the READMEs, and of the
 * umbrella the examples of apps/examples.
 *
 * @typedef {import('./packages.mjs').PublishedPackage} PublishedPackage
 *
 * @typedef {object} Sample - a block of TypeScript in a README: a complete program.
 * @property {string} origin - its file and its number there, such as `README.md 1`.
 * @property {string} script - where its JavaScript is after {@link compileSources}, relative to the consumer.
 */

const PROGRAMS = fileURLToPath(new URL('programs', import.meta.url));

/** The strictest settings that a consumer may have; declarations of packages are checked too. */
export const COMPILER_OPTIONS = {
  ...{ target: 'es2022', module: 'nodenext', types: ['node'], rootDir: '.', outDir: 'out' },
  ...{ strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
  ...{
    noImplicitOverride: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    erasableSyntaxOnly: true,
  },
};

/**
 * Writes the sources of one package into the consumer that has it installed.
 *
 * @param {string} folder - the consumer.
 * @param {PublishedPackage} own
 * @returns {Sample[]} the samples of its README; the umbrella's are those of the top README too.
 */
export function writeSources(folder, own) {
  const program = `${own.folder}.ts`;
  if (!existsSync(path.join(PROGRAMS, program))) throw new Error(`tooling/checks/programs has no ${program}`);
  cpSync(path.join(PROGRAMS, program), path.join(folder, program));
  writeFileSync(path.join(folder, 'doors.ts'), doorsProgram(own));
  if (own.name === 'landspout') writeExamples(folder);

  const samples = [...(own.name === 'landspout' ? ['README.md'] : []), `packages/${own.folder}/README.md`]
    .filter((file) => existsSync(path.join(ROOT, file)))
    .flatMap((file) => samplesOf(file, folder));
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ['*.ts', 'samples/*.ts', 'examples/*.ts'] }),
  );
  linkNodeTypes(folder);
  return samples;
}

/**
 * Compiles what {@link writeSources} wrote. The last compiler's output is what runs.
 *
 * @param {string} folder
 * @param {readonly string[][]} compilers - how to start each.
 */
export function compileSources(folder, compilers) {
  for (const compiler of compilers) runCommand([...compiler, '-p', 'tsconfig.json'], { cwd: folder });
}

/**
 * A program of `programs/` for a subpath that needs more than its package, by the folder of that package.
 *
 * @typedef {object} SubpathProgram
 * @property {string} of
 * @property {string} name - of the program.
 * @property {readonly string[]} packages - packages of this repository that the program imports besides.
 * @property {readonly string[]} peers - optional peers, and what a program uses with them.
 */

/** @type {readonly SubpathProgram[]} */
export const SUBPATH_PROGRAMS = [
  { of: 'web', name: 'web-oidc', packages: ['@landspout/httpclient'], peers: ['openid-client'] },
  {
    of: 'telemetry',
    name: 'telemetry-opentelemetry',
    packages: ['@landspout/httpclient', '@landspout/topics', '@landspout/websocket'],
    peers: ['@opentelemetry/api', '@opentelemetry/sdk-trace-node'],
  },
];

/** Writes one program of `programs/` into a consumer. @param {string} folder @param {string} name */
export function writeProgram(folder, name) {
  cpSync(path.join(PROGRAMS, `${name}.ts`), path.join(folder, `${name}.ts`));
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ['*.ts'] }),
  );
  linkNodeTypes(folder);
}

/**
 * Optional peers, and packages that are used with them, with the versions that their package allows or is tested with.
 *
 * @param {readonly string[]} names
 * @param {string} [folder] - of the package.
 * @returns {string[]}
 */
export function peerVersions(names, folder = 'web') {
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'packages', folder, 'package.json'), 'utf8'));
  const versions = { ...manifest.devDependencies, ...manifest.peerDependencies };
  return names.map((name) => `${name}@${versions[name]}`);
}

/** Where the program that imports all that a package exports is after {@link compileSources}. */
export const DOORS_PROGRAM = 'out/doors.js';

/** @param {PublishedPackage} own - where its program is after {@link compileSources}. */
export function programOf(own) {
  return `out/${own.folder}.js`;
}

/**
 * A program that imports all that a package exports, and fails where the name of a class is not that of its export: it
 * is what people read in stack traces and in the output of `console.log`.
 *
 * @param {PublishedPackage} own
 */
function doorsProgram(own) {
  const imports = own.doors
    .map((door) => `await load('${door}', () => import(${specifierOf(door)}))`)
    .join(',\n  ');
  return `/** Loads a subpath; one that needs an optional peer has to say so, since no peer is installed. */
async function load(door: string, loading: () => Promise<object>): Promise<object> {
  try {
    return await loading();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const isMissingPeer = /^ERR_(?:WEB|WEBSOCKET|TRACING)_MISSING_PEER$/.test(code);
    if (isMissingPeer && PEERS.includes(door.split('/').at(-1) ?? '')) return {};
    throw error;
  }
}
/** The subpaths that are named for their optional peer. */
const PEERS = ['eta', 'linkify', 'entities', 'hono', 'gettext', 'oidc', 'opentelemetry'];
export const doors: readonly object[] = [
  ${imports},
];
for (const [name, value] of doors.flatMap((door) => Object.entries(door))) {
  if (typeof value === 'function' && /^class\\b/.test(String(value)) && value.name !== name) {
    throw new Error(\`the class exported as \${name} is called "\${value.name}"\`);
  }
}
`;
}

/**
 * The declarations of a subpath for Hono are those of Hono, which is not installed: the compiler must not read them here.
 * The samples of docs/run-hono.md are compiled with them.
 *
 * @param {string} door
 */
function specifierOf(door) {
  return door.endsWith('/hono') ? `'${door}' as string` : `'${door}'`;
}

/** Writes the samples of a page into a consumer. @param {string} file @param {string} folder @returns {Sample[]} */
export function samplesOf(file, folder) {
  return blocksOf(readFileSync(path.join(ROOT, file), 'utf8'), 'ts').map((source, at) => {
    const name = `${file.replaceAll(/\W+/g, '-')}-${at + 1}`;
    mkdirSync(path.join(folder, 'samples'), { recursive: true });
    writeFileSync(path.join(folder, 'samples', `${name}.ts`), source);
    return { origin: `${file} ${at + 1}`, script: `out/samples/${name}.js` };
  });
}

/** The blocks of code of a page in one language. @param {string} markdown @param {'ts' | 'sh'} language */
export function blocksOf(markdown, language) {
  const blocks = markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms);
  return [...blocks].flatMap(([, found, source = '']) => (found === language ? [source] : []));
}
